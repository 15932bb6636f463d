"""The training loop: a population through one epoch, its rows in blocks over threads."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from tuner.training import optimizers, schedules
from tuner.training.compiling import compiled
from tuner.training.fused import fused_pass
from tuner.training.population import Member, Population, evaluated, take, view
from tuner.training.problems import Problem
from tuner.training.subnormals import flushed
from tuner.training.wrappers import (
    add_decay,
    average,
    clip_adaptively,
    clip_by_value,
    look_ahead,
    shrink,
)

Array = np.ndarray

# A block's parameters, gradient and slots should stay in the cache of one core.
BLOCK_BYTES = 1 << 20
SMALLEST_BLOCK = 4


# What a member's model_settings call the penalties.
PENALTIES = ("l1", "l2")

# A compiled function and its arguments.
Sweep = tuple[Callable[..., None], tuple[Any, ...]]


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

    total_epochs is the length that the schedules are laid out for. Setting `stop` makes `epoch`
    raise Interrupted at the next step.
    """

    def __init__(
        self, problem: Problem, total_epochs: int, threads: int = 1, stop: Event | None = None
    ) -> None:
        self.problem = problem
        self.total_steps = total_epochs * problem.steps
        self.threads = threads
        self.stop = stop or Event()
        self.pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> Self:
        # One BLAS thread a worker: rows are what is shared out.
        self.limits = threadpool_limits(1, user_api="blas")
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.limits.restore_original_limits()

    def start(self, population: Population) -> Epoch:
        """Losses and scores before the first step; rows that start alike are evaluated once."""
        kinds = [self.problem.alike_at_first(m) for m in population.members]
        parts = []
        with np.errstate(all="ignore"):
            for kind in dict.fromkeys(kinds):
                one = take(population, [kinds.index(kind)])
                objective = self.problem.for_rows(one).attach(
                    one.theta, np.empty_like(one.theta), one.left_at
                )
                train_loss = objective.training_loss(one.theta)
                parts.append({"train_loss": train_loss, **objective.evaluate(one.theta)})
        part_of = [list(dict.fromkeys(kinds)).index(kind) for kind in kinds]
        metrics = {name: np.concatenate([p[name] for p in parts])[part_of] for name in parts[0]}
        return Epoch(0, metrics, np.zeros(len(kinds), bool))

    def epoch(self, population: Population, epoch: int) -> Epoch:
        """Trains every row through one epoch (counted from 1), in place."""
        bounds = self.blocks(population)
        parts = list(self.pool.map(lambda b: self.block(view(population, *b), epoch), bounds))
        if self.stop.is_set():
            raise Interrupted
        metrics = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        finite = np.isfinite(list(metrics.values())).all(axis=0)
        return Epoch(epoch, metrics, ~finite | (population.left_at > 0))

    def blocks(self, population: Population) -> list[tuple[int, int]]:
        """Bounds of blocks of rows: of one seed and fold each, small for the cache, even for the
        threads."""
        kinds = [(m.seed, m.fold) for m in population.members]
        row_bytes = population.theta[0].nbytes * (
            2 + max(len(slots) for slots in population.slots.values())
        )
        most = max(SMALLEST_BLOCK, BLOCK_BYTES // row_bytes)
        bounds: list[tuple[int, int]] = []
        start = 0
        for kind in dict.fromkeys(kinds):
            rows = kinds.count(kind)
            count = -(-rows // most)
            count = min(rows, -(-count // self.threads) * self.threads)
            edges = [start + rows * i // count for i in range(count + 1)]
            bounds += pairwise(edges)
            start += rows
        return bounds

    def block(self, rows: Population, epoch: int) -> dict[str, Array]:
        """Trains the rows of one block through an epoch; returns their metrics."""
        problem, members = self.problem.for_rows(rows), rows.members
        total_steps = self.total_steps * problem.steps // self.problem.steps
        gradient = np.empty_like(rows.theta)
        objective = problem.attach(rows.theta, gradient, rows.left_at)
        batches = problem.batches(members[0].seed, epoch - 1)
        rates = self.rates(rows, problem.steps, total_steps)
        norms, total, mass = np.zeros(len(members)), np.zeros(len(members)), 0.0
        updates, momenta = [], []
        for name, slots in rows.slots.items():
            numbers = rows.rows_of(name)
            at = slice(numbers[0], numbers[-1] + 1)
            order = [key for key in optimizers.load(name).hyperparameters if key != "lr"]
            settings = np.array([[m.settings[key] for key in order] for m in members[at]])
            for key in schedules.MOMENTA:
                if key in order and any(map(cycles_momentum, members[at])):
                    own = settings[:, order.index(key)]
                    steps = rows.step[at][:, None] + np.arange(len(batches))
                    momenta.append((own, self.momenta(members[at], own, steps, total_steps)))
            updates.append(
                (
                    fused_pass(name),
                    (rows.theta[at], gradient[at], *slots, rows.step[at], rates[at]),
                    (
                        total_steps,
                        problem.tensors,
                        settings,
                        objective.losses[at],
                        norms[at],
                        rows.left_at[at],
                    ),
                )
            )
        before_update, after_update = self.wrappers(rows, gradient, rates, total_steps)
        # A diverging row overflows; that is a fact about its rate, not an error.
        with np.errstate(all="ignore"), flushed():
            for i, batch in enumerate(batches):
                if self.stop.is_set():
                    return {}
                if i == len(batches) - 1:
                    before = rows.theta.copy()
                objective.differentiate(batch)
                weight = objective.mass(batch)
                total += objective.losses * weight
                mass += weight
                for sweep, arguments in before_update:
                    sweep(*arguments)
                for setting, cycle in momenta:
                    setting[:] = cycle[:, i]
                for update, arrays, others in updates:
                    update(*arrays, i, *others)
                for sweep, arguments in after_update:
                    sweep(*arguments)
            final = evaluated(rows)
            metrics = dict(objective.evaluate(final))
            ratios = np.zeros(len(members))
            update_ratio(before, rows.theta, ratios)
            train_loss = total / mass if problem.batched else objective.training_loss(final)
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

    def wrappers(
        self, rows: Population, gradient: Array, rates: Array, total_steps: int
    ) -> tuple[list[Sweep], list[Sweep]]:
        """The sweeps that some row needs before the update of a step, and after it."""
        theta, t, left_at, kept = rows.theta, rows.step, rows.left_at, rows.kept
        penalised = self.problem.penalised
        l1, l2 = (np.array([m.model_settings.get(k, 0.0) for m in rows.members]) for k in PENALTIES)

        def column(name: str) -> Array:
            default = optimizers.SHARED[name].default
            return np.array([m.settings.get(name, default) for m in rows.members])

        def used(name: str) -> bool:
            return bool((column(name) != optimizers.SHARED[name].default).any())

        before: list[Sweep] = []
        after: list[Sweep] = []
        if l2.any():
            before.append((add_decay, (theta, gradient, left_at, penalised, l2)))
        if l1.any():
            after.append((shrink, (theta, left_at, penalised, l1, rates, t.copy(), t)))
        if used("clip_value"):
            before.append((clip_by_value, (gradient, left_at, column("clip_value"))))
        if used("clip_adaptive"):
            limits = column("clip_adaptive")
            before.append(
                (clip_adaptively, (theta, gradient, left_at, self.problem.tensors, limits))
            )
        if used("lookahead_rate"):
            shares, steps = column("lookahead_rate"), column("lookahead_steps")
            after.append((look_ahead, (theta, kept["slow"], t, left_at, shares, steps)))
        if used("ema") or used("tail_average"):
            ema, tail = column("ema"), column("tail_average")
            after.append((average, (theta, kept["mean"], t, left_at, total_steps, ema, tail)))
        return before, after

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
