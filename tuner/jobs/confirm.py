"""Train a finished study's best trials, or any, again on fresh seeds."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import yaml

from tuner.config import Config, check
from tuner.errors import UserError, did_you_mean
from tuner.files import write_json
from tuner.jobs import _confirmed, _verdict
from tuner.jobs._progress import note
from tuner.jobs._repeating import Repeating
from tuner.jobs._report import Report
from tuner.jobs._training import Training, load_data
from tuner.processes.lock import owned
from tuner.search.study import Study
from tuner.tracking.records import Artifact
from tuner.training.kernels.compiling import announced

# What this command says; all else is the study's own.
OWN = ("job", "root", "threads", "confirm")


def run(config: Config, stop: Event) -> int:
    """Confirms trials of the study that is named, and prints what that says of them.

    The study's own config counts, whatever else the command says. Raises UserError for an unknown
    study or trial, and Interrupted, which loses what was under way, when `stop` was set.
    """
    folder = config.root / "studies" / config.study.name
    config = of_study(folder, config)
    data = load_data(config)
    if data is None:
        raise UserError(f"study.name: {config.study.name}: is of a function, which knows no seeds")
    threads = config.threads or len(os.sched_getaffinity(0))
    with owned(folder), Training(config, data, threads, stop) as training:
        name, seed = config.study.name, config.study.seed
        study = Study(folder, name, config.space, config.sampler.ask, seed)
        trials = chosen(config, study.summaries())
        report = Report(config, study, training.goal, folder)
        with announced(lambda: note("compiling for this machine, which happens once")):
            note(f"training {len(trials)} trials again on {config.confirm.seeds} fresh seeds")
            confirmed = Repeating(config, study, training).confirmation(
                trials, config.confirm.seeds
            )
        path = folder / "confirmation.json"
        write_json(path, {k: v for k, v in confirmed.items() if k != "curves"})
        report.open()
        report.confirmed(confirmed)
        report.put(Artifact(None, str(path.resolve())))
        report.close()
        told = [
            *_confirmed.ranking(confirmed, training.goal),
            _confirmed.worth(confirmed, training.goal),
            *_confirmed.over_defaults(confirmed, training.goal),
            f"All numbers: {path}",
        ]
        print("\n".join(told))
    return 0


def of_study(folder: Path, config: Config) -> Config:
    """The config that a study was last run with, but for what belongs to this command.

    Raises UserError if there is no such study.
    """
    path = folder / "config.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/config.yaml"))
        hint = did_you_mean(folder.name, known, 3)
        hint = hint or (f"there are {', '.join(known[:5])}" if known else "there is none yet")
        raise UserError(
            f"study.name: {folder.name}: no such study in {config.root}: {hint.strip()}"
        )
    saved = yaml.safe_load(path.read_text(encoding="utf-8"))
    own = {key: config.plain[key] for key in OWN}
    if config.tracking.name == "none":
        own["tracking"] = config.plain["tracking"]
    return check({**config.plain, **saved, **own})


def chosen(config: Config, summaries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The trials that are asked for, or the top ones. Raises UserError where there are none."""
    name, asked = config.study.name, config.confirm.trials
    if asked is None:
        if top := _verdict.top_of(summaries, max(1, config.confirm.top)):
            return list(top)
        raise UserError(f"study.name: {name}: none of its trials has trained to the end")
    known = {s["number"]: s for s in summaries}
    for number in asked:
        if number not in known:
            there = f"0 to {max(known)}" if known else "none yet"
            raise UserError(f"confirm.trials: {number}: study {name} has no such trial: {there}")
    if len(set(asked)) < len(asked) or not asked:
        raise UserError(f"confirm.trials: {asked}: must name one trial or more, each once")
    return [known[number] for number in asked]
