"""Tune several optimizers, schedules or models at equal budgets, and compare them."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from tuner.config import Config, check
from tuner.errors import UserError
from tuner.files import write_json
from tuner.jobs import _comparison, tune
from tuner.jobs._progress import note
from tuner.jobs._repeating import Repeating
from tuner.jobs._report import Report
from tuner.jobs._training import Training, goal, load_data
from tuner.processes.lock import owned
from tuner.search import compare
from tuner.search.confirm import CHOOSING, JUDGING, Repeats, equals, ranked, told
from tuner.search.study import Study
from tuner.search.trials import Trial, restored
from tuner.tracking.records import Artifact
from tuner.training.population import create

GROUPS = ("optimizer", "schedule", "model")

WORDS = {CHOOSING: "fresh", JUDGING: "other"}

# Epochs that are timed; the fastest counts.
TIMED = 3


def run(config: Config, stop: Event) -> int:
    """A study for each data set, then what sets its branches apart; returns the exit code.

    Studies that are finished are not trained again. Raises UserError before anything is written,
    and Interrupted when `stop` was set.
    """
    by, configs = group(config), studies(config)
    for own in configs:
        goal(own, load_data(own))
    found = {}
    for own in configs:
        if code := tune.run(own, stop):
            return code
        if told := compared(own, by, stop):
            found[own.data.name] = told
        else:
            print(f"Study {own.study.name}: no trial has ended: nothing to compare")
    if not found:
        return 0
    result: dict[str, Any] = {"by": by, "data": found}
    folder = config.root / "studies" / config.study.name
    if len(found) > 1:
        result["profiles"] = _comparison.profiles(found)
        with owned(folder):
            _comparison.draw_profiles(result["profiles"], by, folder)
            write_json(folder / "comparison.json", result)
    print(_comparison.describe(result, folder))
    return 0


def group(config: Config) -> str:
    """What is compared. Raises UserError where there is nothing, or more than one thing."""
    branches, by = config.space.branches, config.compare.by
    several = [name for name in GROUPS if len(branches[name]) > 1]
    if by is None and len(several) > 1:
        raise UserError(
            f"compare.by: null: several of {' and '.join(several)} are chosen: say which to compare"
        )
    if by is None and several:
        return several[0]
    if by is None or by not in several:
        what = by or "optimizer"
        raise UserError(
            f"{what}: {', '.join(branches[what])}: nothing to compare it with: choose several, "
            f"as {what}=[one,other]"
        )
    return by


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


def compared(config: Config, by: str, stop: Event) -> dict[str, Any] | None:
    """What a finished study says of its branches, with repeats of the best on fresh seeds.

    None where no trial has ended.
    """
    folder = config.root / "studies" / config.study.name
    threads = config.threads or len(os.sched_getaffinity(0))
    with owned(folder), Training(config, load_data(config), threads, stop) as training:
        study = Study(
            folder, config.study.name, config.space, config.sampler.ask, config.study.seed
        )
        if not any(s["state"] in compare.ENDED for s in study.summaries()):
            return None
        report = Report(config, study, training.goal, folder)
        comparison = Comparison(config, by, study, training)
        found = comparison.result() | {"stopped": short(config, study, folder)}
        picture = folder / "best_of_k.png"
        _comparison.draw_best_of_k(found, by, config, training.task, picture)
        seconds = comparison.seconds()
        write_json(folder / "comparison.json", {"result": found, "seconds": seconds})
        report.open()
        for path in (picture, folder / "comparison.json"):
            report.put(Artifact(None, str(path.resolve())))
        report.close()
        return {**found, "seconds": seconds}


def short(config: Config, study: Study, folder: Path) -> str | None:
    """Why a study ended before it had its trials; None if it has them."""
    if study.finished() >= config.budget.trials:
        return None
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return str(told["result"]["stopped"])


class Comparison:
    """The branches of one study."""

    def __init__(self, config: Config, by: str, study: Study, training: Training) -> None:
        self.config, self.by, self.study, self.training = config, by, study, training
        options = config.space.branches[by]
        self.branches = compare.branches(study.summaries(), by, options)
        self.repeating = Repeating(config, study, training)
        self.tuned = self.chosen()

    def result(self) -> dict[str, Any]:
        """All that the seed determines."""
        books = {b.name: b.default for b in self.branches if b.default is not None}
        again = self.again([*self.tuned.values(), *books.values()], JUDGING)
        best = {name: again[s["number"]] for name, s in self.tuned.items()}
        order = ranked(list(best.values()))
        level, target = self.target(order), self.training.goal.turn
        alike = {r.trial for r in equals(order)} if order else set()
        return {
            "study": self.config.study.name,
            "epochs": self.config.budget.epochs,
            "seeds": self.config.confirm.seeds,
            "goal": vars(self.training.goal),
            "target": target(level),
            **compare.by_budget(self.branches),
            "branches": {
                b.name: {
                    "trials": len(b.drawn),
                    "pruned": sum(s["state"] == "PRUNED" for s in b.drawn),
                    "diverged": sum(s["state"] == "DIVERGED" for s in b.drawn),
                    "tuned": told(best[b.name], order[0]) if b.name in best else None,
                    "alike": b.name in best and best[b.name].trial in alike,
                    "default": (
                        told(again[books[b.name]["number"]], best.get(b.name))
                        if b.name in books
                        else None
                    ),
                    "to_target": (
                        compare.epochs_to(level, best[b.name]) if b.name in best else None
                    ),
                    "basin": compare.basin(b, self.config.space, self.config.compare.within),
                }
                for b in self.branches
            },
        }

    def chosen(self) -> dict[str, Mapping[str, Any]]:
        """The trial of each branch that fresh seeds choose among its best."""
        count = max(1, self.config.confirm.top)
        tops = {b.name: top for b in self.branches if (top := b.top(count))}
        again = self.again([s for top in tops.values() for s in top], CHOOSING)
        return {
            name: min(top, key=lambda s: (again[s["number"]].mean, s["value"]))
            for name, top in tops.items()
        }

    def again(self, trials: Sequence[Mapping[str, Any]], stream: int) -> dict[int, Repeats]:
        """These trials on fresh seeds, all at once, by number."""
        own = list({s["number"]: s for s in trials}.values())
        count = self.config.confirm.seeds
        note(f"training {len(own)} trials again on {count} {WORDS[stream]} seeds")
        return {r.trial: r for r in self.repeating.repeats(own, stream, count)}

    def target(self, order: Sequence[Repeats]) -> float:
        """What is to be reached: the target that is given, or what is as good as the best."""
        if self.config.compare.target is not None:
            return self.training.goal.turn(self.config.compare.target)
        start = self.study.summaries()[0]["start"]
        best = order[0].mean if order else start
        return compare.short_of(best, start, self.config.compare.within)

    def seconds(self) -> dict[str, float]:
        """What an epoch of a trial of each branch takes, trained with as many as there are seeds.

        It is a trial's share of the time of all threads.
        """
        return {name: self.epoch_of(restored(s["settings"])) for name, s in self.tuned.items()}

    def epoch_of(self, settings: Mapping[str, Any]) -> float:
        trainer, rows = self.training.trainer(settings), self.config.confirm.seeds
        (first, *_) = self.training.members(Trial(0, settings, 0))
        population = create(trainer.problem, [first] * rows)
        taken = []
        for epoch in range(1, min(TIMED + 1, self.config.budget.epochs) + 1):
            since = time.perf_counter()
            trainer.epoch(population, epoch)
            taken.append(time.perf_counter() - since)
        return min(taken) / rows
