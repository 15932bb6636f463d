"""Training trials again on fresh seeds, and what that says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.jobs._training import Training, structure
from tuner.search import confirm
from tuner.search.confirm import CHOOSING, JUDGING, Repeats, fresh
from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Group, Race
from tuner.search.study import Study
from tuner.search.trials import Outcome, Trial, restored

Summary = Mapping[str, Any]


class Repeating:
    """Repeats of a study's trials; what was measured once the journal keeps."""

    def __init__(self, config: Config, study: Study, training: Training) -> None:
        self.config, self.study, self.training = config, study, training

    def repeats(self, trials: Sequence[Summary], stream: int, count: int) -> list[Repeats]:
        """The trials on so many seeds of a set, all as rows of one population.

        A kill costs what is under way; what was measured before is not trained again. Raises
        Interrupted.
        """
        key = f"repeats of {[s['number'] for s in trials]} on {count} seeds of set {stream}"
        if not self.study.knows(key):
            seeds = fresh(self.config.study.seed, stream, count)
            self.study.keep(key, self.trained(trials, seeds))
        return [
            Repeats(s["number"], s["settings"], s["value"], own["values"], own["curve"])
            for s, own in zip(trials, self.study.recall(key), strict=True)
        ]

    def trained(self, trials: Sequence[Summary], seeds: Sequence[int]) -> list[dict[str, Any]]:
        """What the journal keeps of each trial, in their order."""
        runs = [(restored(s["settings"]), seed) for s in trials for seed in seeds]
        outcomes = race(self.training, runs, self.config.budget.epochs)
        size = len(seeds)
        return [kept(outcomes[i * size : (i + 1) * size]) for i in range(len(trials))]

    def confirmation(self, trials: Sequence[Summary], count: int) -> dict[str, Any]:
        """Which of the trials is best on fresh seeds, which is the winner, and what it is worth.

        The winner is judged on other seeds than it is chosen by, next to the textbook's settings.
        Raises Interrupted.
        """
        order = confirm.ranked(self.repeats(trials, CHOOSING, count))
        winner, why = confirm.simplest(order)
        known = {s["number"]: s for s in (*self.study.summaries(), *trials)}
        books = [s for s in known.values() if "default" in s["origin"] and s["state"] == "COMPLETE"]
        others = [s for s in books if s["number"] != winner.trial]
        judged, *beside = self.repeats([known[winner.trial], *others], JUDGING, count)
        alike = {r.trial for r in confirm.equals(order)}
        return {
            "seeds": count,
            "trials": [
                confirm.told(r, order[0] if r is not order[0] else None)
                | {"alike": r.trial in alike}
                for r in order
            ],
            "winner": winner.trial,
            "why": why,
            "judged": confirm.told(judged),
            "defaults": [
                confirm.told(r, judged) | {"origin": dict(s["origin"])}
                for r, s in zip(beside, others, strict=True)
            ],
            "curves": {str(r.trial): list(r.curve) for r in order if r.curve},
        }


def race(
    training: Training, runs: Sequence[tuple[Mapping[str, Any], int]], epochs: int
) -> list[Outcome]:
    """Settings under seeds, each run to its end; those alike in structure are one population."""
    trials = [Trial(i, settings, 0) for i, (settings, _) in enumerate(runs)]
    by_structure: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        by_structure.setdefault(structure(trial.settings), []).append(trial)
    groups = [
        Group(
            training.trainer(alike[0].settings),
            [m for t in alike for m in training.members(t, [runs[t.number][1]])],
        )
        for alike in by_structure.values()
    ]
    return Race(trials, groups, NoPruning(), epochs, training.goal).run()


def kept(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What the journal keeps of one trial's runs, in the order of the seeds."""
    complete = [o.state == "COMPLETE" and np.isfinite(o.value) for o in outcomes]
    values = [digits(o.value) if c else None for o, c in zip(outcomes, complete, strict=True)]
    curve = []
    if all(complete):
        curves = [[o.goal.turn(v) for v in o.curves[o.goal.curve]] for o in outcomes]
        curve = [digits(v) for v in np.mean(curves, axis=0)]
    return {"values": values, "curve": curve}


def digits(value: float) -> float:
    """Nine digits, as the summaries of trials keep."""
    return float(f"{value:.9g}")
