"""The training loop: a population through one epoch, its rows in blocks over threads."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from tuner.training import optimizers, schedules
from tuner.training.kernels.compiling import Pointer, compiled
from tuner.training.kernels.rule_compiler import fused_pass, slot_arguments
from tuner.training.kernels.step import (
    Course,
    Cycling,
    Layout,
    Passes,
    Rows,
    Totals,
    Transforms,
    advance,
)
from tuner.training.kernels.subnormals import flushed
from tuner.training.population import Member, Population, check, evaluated, take, view
from tuner.training.problems import Objective, Problem
from tuner.training.transforms import after_update, before_update, needed, numbers_of

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
        # By optimizer and by what wraps it.
        self.passes: dict[tuple[str, Any, Any], Passes] = {}
        self.pool = ThreadPoolExecutor(threads)

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
        bounds = self.blocks(population)
        blocks = [self.pool.submit(self.block, view(population, *b), epoch) for b in bounds]
        while wait(blocks, NOTICED).not_done:
            self.halt[0] = self.stop.is_set()
        parts = [block.result() for block in blocks]
        if self.stop.is_set():
            raise Interrupted
        metrics = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        finite = np.isfinite(list(metrics.values())).all(axis=0)
        return Epoch(epoch, metrics, ~finite | (population.left_at > 0))

    def at_first(self, row: Population) -> dict[str, Array]:
        """The metrics of one row before its first step; it may count the batches as steps."""
        problem = self.problem.for_rows(row)
        objective = problem.attach(row.theta, np.empty_like(row.theta), row.left_at)
        with np.errstate(all="ignore"), flushed():
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
            self.accepted = population

    def blocks(self, population: Population) -> list[tuple[int, int]]:
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

    def block(self, rows: Population, epoch: int) -> dict[str, Array]:
        """Trains the rows of one block through an epoch; returns their metrics."""
        problem, members = self.problem.for_rows(rows), rows.members
        total_steps = self.total_steps * problem.steps // self.problem.steps
        gradient, before = np.empty_like(rows.theta), np.empty_like(rows.theta)
        objective = problem.attach(rows.theta, gradient, rows.left_at)
        batches = problem.batches(members[0].seed, epoch - 1)
        order, sizes = np.concatenate(batches), list(map(len, batches))
        objective.check(order, sizes)
        rates = self.rates(rows, problem.steps, total_steps)
        norms, sums = np.zeros((2, len(members)))
        # A diverging row overflows; that is a fact about its rate, not an error.
        with np.errstate(all="ignore"), flushed():
            bounds = np.cumsum([0, *sizes])
            course = Course(order, bounds, rates, total_steps)
            self.walk(rows, objective, batches, course, Totals(norms, sums, before))
            if self.stop.is_set():
                return {}
            final = evaluated(rows)
            metrics = dict(objective.evaluate(final))
            ratios = np.zeros(len(members))
            update_ratio(before, rows.theta, ratios)
            train_loss = sums / len(order) if problem.batched else objective.training_loss(final)
            schedules.after_epoch(
                [m.schedule for m in members],
                [m.schedule_settings for m in members],
                rows.schedule_state,
                metrics.get("validation_loss", train_loss),
                total_steps / problem.steps,
            )
        return {
            "train_loss": train_loss,
            **metrics,
            "learning_rate": rates[:, -1],
            "gradient_norm": norms / len(batches),
            "update_ratio": ratios,
        }

    def walk(
        self,
        rows: Population,
        objective: Objective,
        batches: Sequence[Array],
        course: Course,
        totals: Totals,
    ) -> None:
        """Takes rows of one optimizer through the steps of an epoch, or until a stop."""
        ((name, kept),) = rows.slots.items()
        slots = tuple(slot_arguments(optimizers.load(name), kept, rows.theta, rows.step))
        settings, cycling = self.cycling(rows, name, len(batches), course.total)
        state = Rows(rows.theta, objective.gradient, rows.left_at, rows.step, objective.losses)
        layout = Layout(self.problem.tensors, self.problem.penalised)
        averages = (rows.kept.get(key, rows.theta) for key in ("slow", "mean"))
        transforms = Transforms(numbers_of(rows.members), np.empty_like(rows.theta), *averages)
        differentiate, own = objective.compiled or (None, ())
        before, after = needed(transforms.numbers)
        key = name, before, after
        if key not in self.passes:
            theta, gradient, left_at, t, losses = state
            now = t, course.rates, 0, course.total
            more = layout.tensors, settings, losses, totals.norms, left_at
            self.passes[key] = Passes(
                Pointer(differentiate, *state, batches[0], *own),
                Pointer(before_update if before else None, *state[:3], *layout, *transforms[:2]),
                Pointer(fused_pass(name), theta, gradient, *slots, *now, *more),
                Pointer(
                    after_update if after else None,
                    theta, left_at, t, course.total, layout.penalised, *transforms,
                ),
                differentiate is not None,
                before,
                after,
            )  # fmt: skip

        def through(first: int, stop: int) -> None:
            advance(
                first, stop, self.halt, self.passes[key], own, slots, state, course, settings,
                cycling, layout, transforms, totals,
            )  # fmt: skip

        if objective.compiled:
            through(0, len(batches))
            return
        for i, batch in enumerate(batches):
            if self.stop.is_set():
                return
            objective.differentiate(batch)
            through(i, i + 1)

    def cycling(
        self, rows: Population, name: str, steps: int, total_steps: int
    ) -> tuple[Array, Cycling]:
        """The settings of rows of an optimizer as its pass takes them, (rows, hyperparameters but
        lr), and what a schedule sets of them."""
        members = rows.members
        order = [key for key in optimizers.load(name).hyperparameters if key != "lr"]
        settings = np.array([[m.settings[key] for key in order] for m in members])
        cycled = [
            order.index(key)
            for key in schedules.MOMENTA
            if key in order and any(map(cycles_momentum, members))
        ]
        numbers = rows.step[:, None] + np.arange(steps)
        cycles = np.empty((len(cycled), *numbers.shape))
        for cycle, column in zip(cycles, cycled, strict=True):
            cycle[:] = self.momenta(members, settings[:, column], numbers, total_steps)
        return settings, Cycling(np.array(cycled, np.int64), cycles)

    def rates(self, rows: Population, steps: int, total_steps: int) -> Array:
        """Learning rates (rows, steps) of the next epoch, from where each row stands."""
        members = rows.members
        table: Array = schedules.table(
            [m.schedule for m in members],
            [m.schedule_settings for m in members],
            np.array([m.settings["lr"] for m in members]),
            rows.step[:, None] + np.arange(steps),
            total_steps,
            steps,
        )
        table *= rows.schedule_state[:, :1]
        return table

    def momenta(
        self, members: Sequence[Member], own: Array, steps: Array, total_steps: int
    ) -> Array:
        """Momenta (rows, steps) of the next epoch; own: (rows,), those of the optimizers; steps:
        (rows, steps), their numbers."""
        return schedules.momentum_table(
            [m.schedule for m in members],
            [m.schedule_settings for m in members],
            own.copy(),
            steps,
            total_steps,
            steps.shape[1],
        )


def cycles_momentum(member: Member) -> bool:
    """Whether the member's schedule, or a part of it, sets its momentum in every step."""
    return schedules.cycles_momentum(member.schedule, member.schedule_settings)


@compiled
def update_ratio(before, after, out):
    """out (rows,) becomes |after - before| / |after| of rows (rows, size).

    0 where nothing changed, 1 where the parameters became exactly 0.
    """
    for row in range(before.shape[0]):
        change, size = 0.0, 0.0
        for i in range(before.shape[1]):
            d = np.float64(after[row, i]) - np.float64(before[row, i])
            change += d * d
            size += np.float64(after[row, i]) ** 2
        if size == 0.0:
            out[row] = 1.0 if change > 0 else 0.0
        else:
            out[row] = np.sqrt(change / size)
