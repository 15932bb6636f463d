"""Legs in a worker: some rows of a population trained from one epoch to another.

A leg takes a state and gives one back. It may be run again at any time and on any worker, for rows
never meet and all their randomness comes from their seeds. What it needs of the data was brought to
the worker before.
"""

import fcntl
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Event, Lock
from typing import Any, Self

import numpy as np
from distributed import WorkerPlugin
from threadpoolctl import threadpool_limits

import tuner
from tuner.study.numerics import Numerics, numerics
from tuner.training.kernels.sparse import CSR
from tuner.training.loop import Trainer
from tuner.training.population import Member, Population, create, take
from tuner.training.problems import Fold, Part, Problem, Supervised
from tuner.training.transforms import needed, numbers_of

Array = np.ndarray

# What the compiler of one machine waits for: two would do the same work.
COMPILING = f"tuner-compiling-{os.getuid()}.lock"

# Samples that a problem has for being compiled: a batch, and a last one that is smaller.
FEW = 2


@dataclass(frozen=True)
class Kind:
    """What all rows of a leg are trained on, without the data.

    Attributes:
        name: tells it from others.
        data: the name under which its folds were brought.
        problem: pickled, its folds left out.
        epochs: the length that the schedules are laid out for.
        threads: of the training.
    """

    name: str
    data: str
    problem: bytes
    epochs: int
    threads: int

    @property
    def whole(self) -> Problem:
        """The problem with its folds, as this worker has them."""
        with HERE.lock:
            if self.name not in HERE.problems:
                problem: Problem = pickle.loads(self.problem)
                if isinstance(problem, Supervised):
                    problem = replace(problem, folds=HERE.folds[self.data])
                HERE.problems[self.name] = problem
            return HERE.problems[self.name]


@dataclass(frozen=True)
class Said:
    """What an epoch did to the rows of a leg; all (rows,), as `tuner.search.runner.Progress`."""

    metrics: Mapping[str, Array]
    left: Array
    steps: Array
    left_at: Array

    def take(self, rows: Sequence[int]) -> Self:
        """The same of these rows."""
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
    """What a leg has found.

    Attributes:
        epochs: of each, what it did.
        population: the state after the last.
        seconds: that an epoch took.
        numerics: what the worker computes with.
    """

    epochs: tuple[Said, ...]
    population: Population
    seconds: float
    numerics: Numerics


class _Here:
    """What this process has: its workers, mostly one, folds and problems by their names, and
    for what the code is loaded."""

    def __init__(self) -> None:
        self.workers: list[Any] = []
        self.lock = Lock()
        self.folds: dict[str, tuple[Fold, ...]] = {}
        self.problems: dict[str, Problem] = {}
        self.warm: set[tuple[Any, ...]] = set()
        self.limits: Any = None


HERE = _Here()


class Brought(WorkerPlugin):
    """Brings the data of a study to a worker, also to one that comes late or again.

    Args:
        name: of the data.
        folds: as a `Supervised` has them; empty where there are none.
    """

    def __init__(self, name: str, folds: tuple[Fold, ...]) -> None:
        self.name, self.folds = name, folds

    def setup(self, worker: Any) -> None:
        """Dask calls it on each worker before any task."""
        with HERE.lock:
            HERE.folds[self.name] = self.folds
            if worker not in HERE.workers:
                HERE.workers.append(worker)
            if HERE.limits is None:
                # As in a command: rows are what is shared out, and sums keep their order.
                HERE.limits = threadpool_limits(1, user_api="blas")

    def teardown(self, worker: Any) -> None:
        """Dask calls it when the study is over."""
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
    """A stop that is set when nobody waits for the task any more: Dask itself ends none.

    Args:
        key: of the task.
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def is_set(self) -> bool:
        """Whether no worker of this process has the task under way."""
        tasks = [worker.state.tasks.get(self.key) for worker in HERE.workers]
        return not any(task is not None and task.state == "executing" for task in tasks)


def versions() -> tuple[str, tuple[int, int]]:
    """Of tuner and of Python, as a worker has them."""
    return tuner.__version__, sys.version_info[:2]


def begin(key: str, kind: Kind, members: Sequence[Member]) -> Mapping[str, Array]:
    """Losses and scores of these rows before their first step, in their order; key: of the task."""
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
        key: of the task.
        kind: what they are trained on.
        members: the rows, in the order of a population.
        state: of them; None before the first step, which their seeds make.
        after: the epoch that the state is of.
        until: the epoch that the leg ends with.
    """
    warm(kind, members)
    # What comes over the wire cannot be written to.
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
    """Has the code for these rows compiled, or loaded: one process of a machine after another."""
    todo = {(kind.name, *needs(member)) for member in members}
    with HERE.lock:
        if todo <= HERE.warm:
            return
    with one_by_one():
        compile_for(kind.whole, members)
    with HERE.lock:
        HERE.warm |= todo


def needs(member: Member) -> tuple[Any, ...]:
    """What decides which code trains a row."""
    return member.optimizer, *needed(numbers_of([member]))


def compile_for(problem: Problem, members: Sequence[Member]) -> None:
    """Trains these rows for an epoch on a few samples, which compiles what they need."""
    small = problem
    if isinstance(problem, Supervised):
        few = FEW * problem.batch_size - 1
        folds = [
            Fold(few_of(fold.train, few), fold.validation and few_of(fold.validation, few))
            for fold in problem.folds
        ]
        small = replace(problem, folds=tuple(folds), metrics=())
    kinds = {(m.fold, *needs(m)): m for m in members}
    with Trainer(small, 1) as trainer:
        population = create(small, list(kinds.values()))
        trainer.start(population)
        trainer.epoch(population, 1)


def few_of(part: Part, count: int) -> Part:
    """The first samples of a part, in arrays like its own."""
    X = part.X
    if isinstance(X, CSR):
        starts = X.starts[: count + 1]
        X = CSR(X.values[: starts[-1]], X.columns[: starts[-1]], starts, X.features)
    else:
        X = X[:count]
    return Part(X, part.y[:count], None if part.weights is None else part.weights[:count])


@contextmanager
def one_by_one() -> Iterator[None]:
    """One process of this machine after another; where none can be kept out, all at once."""
    path = Path(tempfile.gettempdir(), COMPILING)
    file = -1
    with suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if file >= 0:
            os.close(file)  # which lets the next one in
