"""The training loop: a population through one epoch, its rows in blocks over threads."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from tuner.training.blocks import Block, Steps
from tuner.training.kernels.subnormals import flush
from tuner.training.population import Population, check, take, view
from tuner.training.problems import Problem

Array = np.ndarray

# A block's parameters, gradient and slots should stay in the cache of one core.
BLOCK_BYTES = 1 << 20
SMALLEST_BLOCK = 4

# With so many kinds of rows a thread, none need be shared out.
MANY = 4

# Seconds after which a stop is noticed, beside the step that is under way.
NOTICED = 0.1


class Interrupted(Exception):
    """Training was asked to stop before the end of an epoch."""


@dataclass(frozen=True)
class Epoch:
    """What an epoch did to every row: metrics by name, (rows,) float64 each.

    epoch counts from 1; 0 is the state before the first step, known by its losses and scores
    alone. Metrics of a row that left are whatever its last numbers gave: read `left` first.
    """

    epoch: int
    metrics: Mapping[str, Array]
    left: Array


def prepare() -> None:
    """Prepares a thread for training; it is for nothing else."""
    # A diverging row overflows; that is a fact about its rate, not an error.
    np.seterr(all="ignore")
    flush()


class Trainer:
    """Trains populations on one problem; use it as a context, for it holds threads.

    Args:
        problem: what the rows minimise.
        total_epochs: the length that the schedules are laid out for.
        threads: how many blocks of rows train at once.
        stop: makes `epoch` raise Interrupted at the next step once it is set.
    """

    def __init__(
        self, problem: Problem, total_epochs: int, threads: int = 1, stop: Event | None = None
    ) -> None:
        self.problem = problem
        self.total_steps = total_epochs * problem.steps
        self.threads = threads
        self.stop = stop or Event()
        self.halt = np.zeros(1, np.bool_)  # what compiled code reads of `stop`
        self.accepted: Population | None = None
        self.blocks: list[Block] = []
        self.steps: dict[tuple[str, bool, bool], Steps] = {}
        self.pool = ThreadPoolExecutor(threads, initializer=prepare)

    def __enter__(self) -> Self:
        # One BLAS thread a worker: rows are what is shared out.
        self.limits = threadpool_limits(1, user_api="blas")
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.limits.restore_original_limits()

    def start(self, population: Population) -> Epoch:
        """Losses and scores before the first step; rows that start alike are evaluated once.

        The training loss is that of an epoch without steps: over its batches, under its dropout.

        Raises:
            Interrupted: `stop` was set: what is known by then is of some batches only.
            ValueError: the population is none of this problem.
        """
        self.accept(population)
        kinds = [self.problem.alike_at_first(m) for m in population.members]
        firsts = [take(population, [kinds.index(kind)]) for kind in dict.fromkeys(kinds)]
        parts = list(self.pool.map(self.at_first, firsts))
        if self.stop.is_set():
            raise Interrupted
        part_of = [list(dict.fromkeys(kinds)).index(kind) for kind in kinds]
        metrics = {name: np.concatenate([p[name] for p in parts])[part_of] for name in parts[0]}
        return Epoch(0, metrics, np.zeros(len(kinds), bool))

    def epoch(self, population: Population, epoch: int) -> Epoch:
        """Trains every row through one epoch, in place.

        Args:
            population: the rows; those that left stay as they are.
            epoch: its number, counted from 1.

        Raises:
            Interrupted: `stop` was set; the rows are somewhere within the epoch.
            ValueError: the population is none of this problem.
        """
        self.accept(population)
        self.halt[0] = self.stop.is_set()
        ended: SimpleQueue[Any] = SimpleQueue()
        work = self.stop, self.halt
        futures = [self.pool.submit(block.train, epoch, *work) for block in self.blocks]
        for future in futures:
            future.add_done_callback(ended.put)
        left = len(futures)
        while left:
            with suppress(Empty):
                ended.get(timeout=NOTICED)
                left -= 1
            self.halt[0] = self.stop.is_set()
        parts = [future.result() for future in futures]
        if self.stop.is_set():
            raise Interrupted
        metrics = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        finite = np.isfinite(list(metrics.values())).all(axis=0)
        return Epoch(epoch, metrics, ~finite | (population.left_at > 0))

    def at_first(self, row: Population) -> dict[str, Array]:
        """The metrics of one row before its first step; it may count the batches as steps."""
        problem = self.problem.for_rows(row)
        objective = problem.attach(row.theta, np.empty_like(row.theta), row.left_at)
        metrics = objective.evaluate(row.theta)
        if not problem.batched:
            return {"train_loss": objective.training_loss(row.theta), **metrics}
        taken, total, mass = row.step, np.zeros(1), 0
        for batch in problem.batches(row.members[0].seed, 0):
            objective.differentiate(batch)
            total += objective.losses * len(batch)
            mass += len(batch)
            taken += 1
            if mass and self.stop.is_set():
                break
        return {"train_loss": total / mass, **metrics}

    def accept(self, population: Population) -> None:
        """Checks a population when it comes: training changes the numbers in its arrays alone.

        Raises:
            ValueError: it is none of this problem.
        """
        if population is not self.accepted:
            check(population, self.problem)
            self.blocks = [
                Block(self.problem, view(population, *bounds), self.total_steps, self.steps)
                for bounds in self.bounds(population)
            ]
            self.accepted = population

    def bounds(self, population: Population) -> list[tuple[int, int]]:
        """Bounds of blocks of rows: of one seed, fold and optimizer each, small for the cache, even
        for the threads (which many kinds of rows are by themselves)."""
        kinds = [(m.seed, m.fold, m.optimizer) for m in population.members]
        row_bytes = population.theta[0].nbytes * (
            2 + max(len(slots) for slots in population.slots.values())
        )
        most = max(SMALLEST_BLOCK, BLOCK_BYTES // row_bytes)
        shares = 1 if len(set(kinds)) >= MANY * self.threads else self.threads
        bounds: list[tuple[int, int]] = []
        start = 0
        for kind in dict.fromkeys(kinds):
            rows = kinds.count(kind)
            count = -(-rows // most)
            count = min(rows, -(-count // shares) * shares)
            edges = [start + rows * i // count for i in range(count + 1)]
            bounds += pairwise(edges)
            start += rows
        return bounds
