"""Recorded curves raced again: what a pruner and the guard would have made of them.

The race is the one that trains trials; only the numbers come from a record.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tuner.search.pruners import Rule
from tuner.search.racing import Group, Race
from tuner.search.trials import Outcome, Trial
from tuner.training.loop import Epoch, Trainer
from tuner.training.population import Member, Population
from tuner.training.problems import Objective, Problem

Array = np.ndarray


@dataclass(frozen=True)
class Run:
    """A recorded run: losses (epochs + 1,), the initial ones first.

    momentum: what its optimizer keeps of the velocity; steps: in an epoch.
    """

    train: Array
    validation: Array
    momentum: float = 0.0
    steps: int = 1


@dataclass(frozen=True)
class Recorded(Problem):
    """Nothing to train: its losses are known."""

    steps: int = 1
    dtype: Any = field(default_factory=lambda: np.dtype(np.float32))
    batched = True
    size = 1

    def initial(self, seed: int) -> Array:
        return np.zeros(1)

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        raise NotImplementedError("a record has no batches")

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> Objective:
        raise NotImplementedError("a record has no gradients")


class Replayer(Trainer):
    """A trainer that reads each epoch's losses from the runs of its rows, by trial number."""

    def __init__(self, runs: Mapping[int, Run], epochs: int, steps: int) -> None:
        super().__init__(Recorded(steps), epochs)
        self.runs = runs

    def start(self, population: Population) -> Epoch:
        return self.read(population, 0)

    def epoch(self, population: Population, epoch: int) -> Epoch:
        return self.read(population, epoch)

    def read(self, population: Population, epoch: int) -> Epoch:
        own = [self.runs[m.trial] for m in population.members]
        population.step[:] = epoch * self.problem.steps
        metrics = {
            "train_loss": np.array([run.train[epoch] for run in own], np.float64),
            "validation_loss": np.array([run.validation[epoch] for run in own], np.float64),
        }
        left = ~np.isfinite(list(metrics.values())).all(axis=0)
        return Epoch(epoch, metrics, np.asarray(left & (epoch > 0)))


def replay(runs: Sequence[Run], rule: Rule, first: int = 0) -> list[Outcome]:
    """How each of these runs, of one length, would have ended in one cohort.

    The trials are numbered from `first` on.
    """
    epochs = len(runs[0].train) - 1
    numbered = dict(enumerate(runs, first))
    trials = [Trial(i, {}, 0) for i in numbered]
    with ExitStack() as stack:
        groups = []
        for steps in sorted({run.steps for run in runs}):
            own = [_member(i, run) for i, run in numbered.items() if run.steps == steps]
            groups.append(Group(stack.enter_context(Replayer(numbered, epochs, steps)), own))
        return Race(trials, groups, rule, epochs).run()


def _member(trial: int, run: Run) -> Member:
    return Member(trial, 0, "sgd", {"lr": 0.0, "momentum": run.momentum}, "constant", {})
