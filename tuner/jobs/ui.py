"""Serve MLflow's web pages, and print links to all studies and to the curves of each."""

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from threading import Event

from tuner.config import Config
from tuner.errors import UserError, printable
from tuner.study.ending import read_result
from tuner.study.journal import FILE
from tuner.study.places import CONFIG
from tuner.study.results import SavedResult
from tuner.tracking import database, links
from tuner.tracking.listening import place
from tuner.tracking.pages import Pages, StudyRun, served
from tuner.tracking.store import Store

STARTING = "MLflow's server is starting, which takes some seconds"

# The states of a study's run by its tag. After a kill the tag still says RUNNING.
STATES = {"COMPLETE": "finished", "INTERRUPTED": "interrupted", "FAILED": "failed"}


def run(config: Config, stop: Event) -> int:
    """Serves the pages until a signal.

    Raises:
        UserError: if there is nothing to show, or the host or port cannot be used.
        CrashError: if the server does not start, or ends by itself.
        Interrupted: when it was stopped.
    """
    store = Store(config.root, config.tracking.uri)
    if store.is_server:
        raise UserError(f"tracking.uri: {store.uri} is a server: open it in a browser")
    if store.is_own and not (config.root / database.NAME).exists():
        raise UserError(f"root: {config.root}: holds no {database.NAME} yet: run a study first")
    if store.database is not None and not store.database.exists():
        raise UserError(f"tracking.uri: {store.uri}: is not there yet: run a study first")
    where = place(config.ui.host, config.ui.port)
    if not config.quiet:
        print(f"tuner: {STARTING}", file=sys.stderr, flush=True)
    with served(store, where, stop) as server:
        for line in told(config, server.pages):
            print(printable(line), flush=True)
        server.wait()
    return 0


def told(config: Config, pages: Pages) -> Iterator[str]:
    """The printed lines: a link to all studies, and one to the trials of each study."""
    projects = pages.projects()
    runs = pages.studies(projects)
    yield f"MLflow's pages are open until Ctrl-C: {pages.link(links.START)}"
    # MLflow's own links lose the parameters of these links.
    yield 'If they open "GenAI", choose "Model training" at the top left: that is remembered.'
    if pages.place.is_open:
        yield (
            f"ui.host: {config.ui.host}: whoever reaches this machine may see, change and delete "
            "all of it, for no password is asked."
        )
    for project in projects:
        if any(run.experiment_id == project.experiment_id for run in runs):
            yield f"All studies of the project {project.name}:"
            yield f"  {pages.link(project.page)}"
    files = chain.from_iterable(config.root.glob(f"studies/*/{name}") for name in (FILE, CONFIG))
    folders = {file.parent for file in files}
    found = {folder: _run_of(folder, runs) for folder in folders}
    newest = {run.run_id: at for at, run in enumerate(runs)}

    def order(folder: Path) -> tuple[bool, int, str]:
        own = found[folder]
        at = len(runs) if own is None else newest[own[0].run_id]
        return folder.name != config.study.name, at, folder.name

    for folder in sorted(folders, key=order):
        yield from _one(folder.name, found[folder], pages)


def _run_of(folder: Path, runs: Sequence[StudyRun]) -> tuple[StudyRun, SavedResult | None] | None:
    """The run of the study in a folder, and its result if it has one; None without a run."""
    saved = read_result(folder / "result.json")
    for run in runs:
        # Another study of that name may have been there before.
        if run.study == folder.name and (saved is None or saved.run.key == run.key):
            return run, saved
    return None


def _one(name: str, found: tuple[StudyRun, SavedResult | None] | None, pages: Pages) -> list[str]:
    if found is None:
        return [f"{name}: has no page yet: job=republish study.name={name} makes it"]
    run, saved = found
    said = STATES.get(run.state, "not finished")
    if saved is None:
        page = links.trials(run.experiment_id, run.run_id)
    else:
        goal = saved.result.goal
        page = links.trials(run.experiment_id, run.run_id, goal.curve, goal.greater_is_better)
        if saved.result.winner is not None and run.state == "COMPLETE":
            said += f", the winner is trial {saved.result.winner.number}"
    return [f"{name}: {said}:", f"  {pages.link(page)}"]
