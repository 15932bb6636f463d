"""Tune several optimizers, schedules or models at equal budgets, and compare them."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from tuner.codec import from_json, to_json
from tuner.config import Config, check
from tuner.files import write_json
from tuner.jobs import tune
from tuner.jobs._progress import note
from tuner.jobs._repeating import Repeating
from tuner.jobs._report import Report
from tuner.jobs._training import Training, goal, load_data
from tuner.processes.lock import owned
from tuner.report.comparison import describe
from tuner.search.confirm import CHOOSING, JUDGING, Repeats
from tuner.search.study import Study
from tuner.search.trials import ENDED, Trial, TrialResult, restored
from tuner.study.comparison import compare, epoch_seconds, group_of, profiles
from tuner.study.comparison_result import Comparison, Comparisons
from tuner.study.units import UNITS
from tuner.tracking.records import Artifact

WORDS = {CHOOSING: "fresh", JUDGING: "other"}


def run(config: Config, stop: Event) -> int:
    """A study for each data set, then what sets its branches apart.

    Studies that are finished are not trained again.

    Returns:
        The exit code.

    Raises:
        UserError: before anything is written.
        Interrupted: when `stop` was set.
    """
    by, configs = group_of(config), studies(config)
    for own in configs:
        goal(own, load_data(own))
    found = {}
    for own in configs:
        if code := tune.run(own, stop):
            return code
        if comparison := compared(own, by, stop):
            found[own.data.name] = comparison
        else:
            print(f"Study {own.study.name}: no trial has ended: nothing to compare")
    if not found:
        return 0
    folder = config.root / "studies" / config.study.name
    comparisons = Comparisons(by, found, profiles(found) if len(found) > 1 else None)
    if comparisons.profiles is not None:
        from tuner.report.plots.comparison import draw_profiles

        with owned(folder):
            draw_profiles(comparisons.profiles, by, folder / "performance_profiles.png")
            write_json(folder / "comparison.json", to_json(comparisons))
    print(describe(comparisons, folder))
    return 0


def studies(config: Config) -> list[Config]:
    """The config of each data set's study: the one that is named, or one for each of several."""
    plain = config.plain
    several = plain["compare"].get("data")
    if not several:
        return [config]
    alone = {**plain["compare"], "data": None}
    return [
        check(
            {
                **plain,
                "data": data,
                "compare": alone,
                "study": {**plain["study"], "name": f"{plain['study']['name']}-{data['name']}"},
            }
        )
        for data in several
    ]


def compared(config: Config, by: str, stop: Event) -> Comparison | None:
    """What a finished study says of its branches, with repeats of the best on fresh seeds.

    It is drawn and kept in the folder of the study. None where no trial has ended.
    """
    from tuner.report.plots.comparison import draw_best_of_k

    folder = config.root / "studies" / config.study.name
    threads = config.threads or len(os.sched_getaffinity(0))
    with owned(folder), Training(config, load_data(config), threads, stop) as training:
        study = Study(
            folder, config.study.name, config.space, config.sampler.ask, config.study.seed
        )
        trials = [result(summary) for summary in study.summaries()]
        if not any(trial.state in ENDED for trial in trials):
            return None
        repeating, summaries = Repeating(config, study, training), study.summaries()

        def again(asked: Sequence[TrialResult], stream: int) -> dict[int, Repeats]:
            count, numbers = config.confirm.seeds, list(dict.fromkeys(t.number for t in asked))
            note(f"training {len(numbers)} trials again on {count} {WORDS[stream]} seeds")
            known = {s["number"]: s for s in summaries}
            own = [known[number] for number in numbers]
            return {r.trial: r for r in repeating.repeats(own, stream, count)}

        def seconds(trial: TrialResult) -> float:
            (first, *_) = training.members(Trial(0, trial.settings, 0))
            trainer, rows = training.trainer(trial.settings), config.confirm.seeds
            return epoch_seconds(trainer, first, rows, config.budget.epochs)

        stopped = short(config, study, folder)
        report = Report(config, study, training.goal, folder)
        comparison = compare(config, by, training.goal, trials, again, seconds, stopped)
        picture = folder / "best_of_k.png"
        draw_best_of_k(comparison, by, UNITS[training.task], picture)
        plain = to_json(comparison)
        measured = plain.pop("seconds")
        write_json(folder / "comparison.json", {"result": plain, "seconds": measured})
        report.open()
        for path in (picture, folder / "comparison.json"):
            report.put(Artifact(None, str(path.resolve())))
        report.close()
        return comparison


def result(summary: dict[str, Any]) -> TrialResult:
    """A trial from the study's record."""
    trial = from_json(TrialResult, summary)
    return replace(trial, settings=restored(trial.settings))


def short(config: Config, study: Study, folder: Path) -> str | None:
    """Why a study ended before it had its trials; None if it has them."""
    if study.finished() >= config.budget.trials:
        return None
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return str(told["result"]["stopped"])
