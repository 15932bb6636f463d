"""A runner for recorded curves: shows how a pruner and the guard treat published runs."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tuner.files import read_json
from tuner.search.pruners import Rule
from tuner.search.racing import Race
from tuner.search.runner import Progress, Row, Runner
from tuner.search.trials import Outcome, Trial

Array = np.ndarray

SAVED = "trials.json"


@dataclass(frozen=True)
class Run:
    """A recorded run.

    Attributes:
        train, validation: losses (epochs + 1,), the initial ones first.
        momentum: the optimizer's momentum coefficient.
        steps: the number of steps in an epoch.
    """

    train: Array
    validation: Array
    momentum: float = 0.0
    steps: int = 1


class RecordedRunner(Runner):
    """Reads each epoch's losses from recorded runs.

    Args:
        runs: the runs by trial number; all with the same number of steps in an epoch.
    """

    def __init__(self, runs: Mapping[int, Run]) -> None:
        self.runs = dict(runs)

    @property
    def rows(self) -> list[Row]:
        return [Row(trial) for trial in self.runs]

    @property
    def steps(self) -> int:
        return next(iter(self.runs.values())).steps

    @property
    def momentum(self) -> Array:
        return np.array([run.momentum for run in self.runs.values()])

    def start(self) -> Mapping[str, Array]:
        return self._losses(0)

    def epoch(self, epoch: int) -> Progress:
        losses = self._losses(epoch)
        left = ~np.isfinite(list(losses.values())).all(axis=0)
        steps = np.full(len(self.runs), float(epoch * self.steps))
        return Progress(losses, np.asarray(left), steps, np.zeros(len(self.runs)))

    def keep(self, trials: Collection[int]) -> None:
        self.runs = {trial: run for trial, run in self.runs.items() if trial in trials}

    def save(self, folder: Path) -> None:
        (folder / SAVED).write_text(json.dumps(list(self.runs)), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        trials = read_json(folder / SAVED)
        if not set(trials) <= self.runs.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        self.keep(trials)

    def _losses(self, epoch: int) -> dict[str, Array]:
        runs = self.runs.values()
        return {
            "train_loss": np.array([run.train[epoch] for run in runs], np.float64),
            "validation_loss": np.array([run.validation[epoch] for run in runs], np.float64),
        }


def replay(runs: Sequence[Run], rule: Rule, first: int = 0) -> list[Outcome]:
    """How each of these runs, all of one length, would have ended in one cohort.

    Args:
        runs: the cohort, in the order of the trials' numbers.
        rule: decides which trials continue at a rung.
        first: the number of the first trial.
    """
    epochs, numbered = len(runs[0].train) - 1, dict(enumerate(runs, first))
    runners = [
        RecordedRunner({n: run for n, run in numbered.items() if run.steps == steps})
        for steps in sorted({run.steps for run in runs})
    ]
    return Race([Trial(i, {}, 0) for i in numbered], runners, rule, epochs).run()
