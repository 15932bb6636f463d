"""The uploader: a process that writes the spool's files to MLflow, as the writer tells it to.

It is a process, not a thread, because importing MLflow (2 s) and calling it hold Python's global
lock: a training loop beside it ran at a tenth to a third of its speed. The process imports MLflow,
then reads lines from standard input: first the study as JSON, then paths of files. It answers each
file with a line of JSON. It ends with its input, so a killed study leaves no process behind.

It also saves the winner, which needs MLflow too (`tuner.processes.background`). With `saves` on its
command line it imports the modules for that at once.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from filelock import FileLock

from tuner.codec import Settings
from tuner.processes.background import ALONE, load, serve
from tuner.processes.children import stand_back
from tuner.tracking.calls import one_line
from tuner.tracking.model import UNTRACKED
from tuner.tracking.records import Artifact, Model, Record
from tuner.tracking.runs import StudyRuns
from tuner.tracking.spool import records
from tuner.tracking.store import Store, import_mlflow


def deliver(
    study: Settings,
    files: Iterable[str],
    turns: AbstractContextManager[Any] = ALONE,
) -> Iterator[dict[str, Any]]:
    """Writes each file; yields its outcome: an error, refusals, and the parent run's page.

    It ends when the database file was replaced: MLflow would keep writing to the old one.

    Args:
        study: the writer's description of the study.
        files: paths; the next one is taken when the one before is written.
        turns: a lock that is held for each file.
    """
    store = Store(Path(study["root"]), study["uri"])
    folder = Path(study["spool"]).resolve().parent
    names = {name: study[name] for name in ("project", "study", "key")}
    runs: StudyRuns | None = None
    opened: object = None
    for file in files:
        try:
            if opened not in (None, store.identity()):
                yield {"error": "MLflow's database was replaced meanwhile", "renewed": True}
                return
            if runs is None:
                with turns:
                    runs = StudyRuns(store, **names)
                opened = store.identity()
            found, torn = records(Path(file.rstrip("\n")))
            own = [record for record in found if is_own(record, folder)]
            torn += len(found) - len(own)
            with turns:
                runs.write(own)
            page = (runs.experiment_id, runs.parent_id)
            lost = torn + runs.headless
            yield {"error": None, "refused": runs.refused, "torn": lost, "page": page}
            runs.refused, runs.headless = [], 0
        except Exception as error:
            # The failed call may have succeeded and lost its answer: read the runs again.
            runs = None
            yield {"error": one_line(error)}


def is_own(record: Record, folder: Path) -> bool:
    """Whether the files that a record sends, if any, are in the study's own folder."""
    match record:
        case Artifact(path=path, folder=into):
            return _is_within(path, folder) and _is_within(folder / into, folder)
        case Model(folder=path):
            return _is_within(path, folder)
    return True


def _is_within(path: str | Path, folder: Path) -> bool:
    try:
        return Path(path).resolve().is_relative_to(folder)
    except ValueError:  # a path with a null byte
        return False


def main() -> None:
    """Serves one study until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # MLflow prints to standard output
    calls, *saves = stand_back()
    if saves:
        load(UNTRACKED)  # before MLflow: skops searches all loaded modules
    import_mlflow()
    if not (line := sys.stdin.readline()):
        return  # the command works on no study
    study = json.loads(line)
    # Two threads must not import the same module at once: one may see it half initialised.
    turns = Lock()
    Thread(target=serve, args=[Connection(int(calls)), turns], daemon=True).start()
    # The uploader of a killed study may still be running.
    with FileLock(Path(study["spool"]) / "lock"):
        for answer in deliver(study, sys.stdin, turns):
            print(json.dumps(answer), file=answers, flush=True)
    # Everything is written: a regular shutdown of MLflow would take another second.
    os._exit(0)


if __name__ == "__main__":
    main()
