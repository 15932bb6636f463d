"""Legs: some rows of a population, trained in a worker from one epoch to another.

A leg takes a state and returns one. It may run again at any time and on any worker, because rows
never interact and all their randomness comes from their seeds. The data are brought to the worker
beforehand.
"""

import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Event, Lock
from typing import Any, Self

import numpy as np
from distributed import WorkerPlugin
from threadpoolctl import threadpool_limits

import tuner
from tuner.study.ahead import compile_for, needs
from tuner.study.numerics import Numerics, numerics
from tuner.training.loop import Trainer
from tuner.training.population import Member, Population, create, take
from tuner.training.problems import Fold, Problem, Supervised

Array = np.ndarray


@dataclass(frozen=True)
class Kind:
    """What all rows of a leg are trained on, without the data.

    Attributes:
        name: a unique name.
        data: the name under which its folds were brought.
        problem: the pickled problem, without its folds.
        epochs: the length that the schedules are laid out for.
        threads: the number of training threads.
    """

    name: str
    data: str
    problem: bytes
    epochs: int
    threads: int

    @property
    def whole(self) -> Problem:
        """The problem with this worker's folds."""
        with HERE.lock:
            if self.name not in HERE.problems:
                problem: Problem = pickle.loads(self.problem)
                if isinstance(problem, Supervised):
                    problem = replace(problem, folds=HERE.folds[self.data])
                HERE.problems[self.name] = problem
            return HERE.problems[self.name]


@dataclass(frozen=True)
class Said:
    """The result of an epoch for a leg's rows, (rows,) each, as `tuner.search.runner.Progress`."""

    metrics: Mapping[str, Array]
    left: Array
    steps: Array
    left_at: Array

    def take(self, rows: Sequence[int]) -> Self:
        """The same for these rows only."""
        metrics = {name: values[rows] for name, values in self.metrics.items()}
        return replace(
            self,
            metrics=metrics,
            left=self.left[rows],
            steps=self.steps[rows],
            left_at=self.left_at[rows],
        )


@dataclass(frozen=True)
class Leg:
    """The result of a leg.

    Attributes:
        epochs: the result of each epoch.
        population: the state after the last epoch.
        seconds: the mean time of an epoch.
        numerics: the worker's numeric environment.
    """

    epochs: tuple[Said, ...]
    population: Population
    seconds: float
    numerics: Numerics


class _Here:
    """The state of this process.

    It holds the process's workers (usually one), folds and problems by name, and the keys of what
    code is loaded for.
    """

    def __init__(self) -> None:
        self.workers: list[Any] = []
        self.lock = Lock()
        self.folds: dict[str, tuple[Fold, ...]] = {}
        self.problems: dict[str, Problem] = {}
        self.warm: set[tuple[Any, ...]] = set()
        self.limits: Any = None


HERE = _Here()


class Brought(WorkerPlugin):
    """Brings the data of a study to every worker, including late and restarted ones.

    Args:
        name: the name of the data.
        folds: the folds of a `Supervised`; empty if there are none.
    """

    def __init__(self, name: str, folds: tuple[Fold, ...]) -> None:
        self.name, self.folds = name, folds

    def setup(self, worker: Any) -> None:
        """Dask calls this on each worker before any task."""
        with HERE.lock:
            HERE.folds[self.name] = self.folds
            if worker not in HERE.workers:
                HERE.workers.append(worker)
            if HERE.limits is None:
                # As in a command: the threads share out rows, and sums keep their order.
                HERE.limits = threadpool_limits(1, user_api="blas")

    def teardown(self, worker: Any) -> None:
        """Dask calls this when the study is over."""
        with HERE.lock:
            HERE.folds.pop(self.name, None)
            HERE.problems = {
                name: problem
                for name, problem in HERE.problems.items()
                if not isinstance(problem, Supervised) or problem.folds is not self.folds
            }
            if not HERE.folds and HERE.limits is not None:
                HERE.limits.restore_original_limits()
                HERE.limits = None


class Wanted(Event):
    """A stop that is set once its task is cancelled, because Dask does not end running tasks.

    Args:
        key: the task's key.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def is_set(self) -> bool:
        """Whether no worker of this process runs the task."""
        tasks = [worker.state.tasks.get(self.key) for worker in HERE.workers]
        return not any(task is not None and task.state == "executing" for task in tasks)


def versions() -> tuple[str, tuple[int, int]]:
    """The worker's versions of tuner and of Python."""
    return tuner.__version__, sys.version_info[:2]


def begin(key: str, kind: Kind, members: Sequence[Member]) -> Mapping[str, Array]:
    """Losses and scores of rows before their first step, in their order; key: the task's key."""
    warm(kind, members)
    with Trainer(kind.whole, kind.epochs, kind.threads, Wanted(key)) as trainer:
        return trainer.start(create(trainer.problem, members)).metrics


def run(
    key: str,
    kind: Kind,
    members: Sequence[Member],
    state: Population | None,
    after: int,
    until: int,
) -> Leg:
    """Trains rows from one epoch to another.

    Args:
        key: the task's key.
        kind: what they are trained on.
        members: the rows, in the order of a population.
        state: their state; None for the initial one, which their seeds determine.
        after: the epoch of the state.
        until: the last epoch of the leg.
    """
    warm(kind, members)
    # Arrays that arrive over the network are read-only.
    own = None if state is None else take(state, range(len(members)))
    said, started = [], time.perf_counter()
    with Trainer(kind.whole, kind.epochs, kind.threads, Wanted(key)) as trainer:
        population = own or create(trainer.problem, members)
        for epoch in range(after + 1, until + 1):
            done = trainer.epoch(population, epoch)
            steps, left_at = population.step.copy(), population.left_at.copy()
            said.append(Said(done.metrics, done.left, steps, left_at))
    seconds = (time.perf_counter() - started) / (until - after)
    return Leg(tuple(said), population, seconds, computes_with())


@cache
def computes_with() -> Numerics:
    """The numerics of this worker."""
    return numerics()


def warm(kind: Kind, members: Sequence[Member]) -> None:
    """Compiles or loads the code for these rows."""
    todo = {(kind.name, *needs(member)) for member in members}
    with HERE.lock:
        if todo <= HERE.warm:
            return
    compile_for(kind.whole, members)
    with HERE.lock:
        HERE.warm |= todo
