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
from tuner.training.wrappers import average, clip_adaptively, clip_by_value, look_ahead

Array = np.ndarray

# A block's parameters, gradient and slots should stay in the cache of one core.
BLOCK_BYTES = 1 << 20
SMALLEST_BLOCK = 4


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
        """Losses and scores before the first step.

        Rows of one seed start alike, so one of each is evaluated.
        """
        seeds = [m.seed for m in population.members]
        firsts = [seeds.index(seed) for seed in dict.fromkeys(seeds)]
        few = take(population, firsts)
        with np.errstate(all="ignore"):
            objective = self.problem.attach(few.theta, np.empty_like(few.theta), few.left_at)
            metrics = {
                "train_loss": objective.training_loss(few.theta),
                **objective.evaluate(few.theta),
            }
        row_of = [list(dict.fromkeys(seeds)).index(seed) for seed in seeds]
        return Epoch(
            0,
            {name: values[row_of] for name, values in metrics.items()},
            np.zeros(len(seeds), bool),
        )

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
        """Bounds of blocks of rows: of one seed each, small for the cache, even for the threads."""
        seeds = [m.seed for m in population.members]
        row_bytes = population.theta[0].nbytes * (
            2 + max(len(slots) for slots in population.slots.values())
        )
        most = max(SMALLEST_BLOCK, BLOCK_BYTES // row_bytes)
        bounds: list[tuple[int, int]] = []
        start = 0
        for seed in dict.fromkeys(seeds):
            rows = seeds.count(seed)
            count = -(-rows // most)
            count = min(rows, -(-count // self.threads) * self.threads)
            edges = [start + rows * i // count for i in range(count + 1)]
            bounds += pairwise(edges)
            start += rows
        return bounds

    def block(self, rows: Population, epoch: int) -> dict[str, Array]:
        """Trains the rows of one block through an epoch; returns their metrics."""
        problem, members = self.problem, rows.members
        gradient = np.empty_like(rows.theta)
        objective = problem.attach(rows.theta, gradient, rows.left_at)
        batches = problem.batches(members[0].seed, epoch - 1)
        rates = self.rates(rows, len(batches))
        norms, total = np.zeros(len(members)), np.zeros(len(members))
        updates, momenta = [], []
        for name, slots in rows.slots.items():
            numbers = rows.rows_of(name)
            at = slice(numbers[0], numbers[-1] + 1)
            order = [key for key in optimizers.load(name).hyperparameters if key != "lr"]
            settings = np.array([[m.settings[key] for key in order] for m in members[at]])
            for key in schedules.MOMENTA:
                if key in order and any(map(cycles_momentum, members[at])):
                    own = settings[:, order.index(key)]
                    momenta.append((own, self.momenta(members[at], own, rows.step[at], batches)))
            updates.append(
                (
                    fused_pass(name),
                    (rows.theta[at], gradient[at], *slots, rows.step[at], rates[at]),
                    (
                        self.total_steps,
                        problem.tensors,
                        settings,
                        objective.losses[at],
                        norms[at],
                        rows.left_at[at],
                    ),
                )
            )
        before_update, after_update = self.wrappers(rows, gradient)
        # A diverging row overflows; that is a fact about its rate, not an error.
        with np.errstate(all="ignore"):
            for i, batch in enumerate(batches):
                if self.stop.is_set():
                    return {}
                if i == len(batches) - 1:
                    before = rows.theta.copy()
                objective.differentiate(batch)
                total += objective.losses * len(batch)
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
            train_loss = (
                total / sum(map(len, batches))
                if problem.batched
                else objective.training_loss(final)
            )
            schedules.after_epoch(
                [m.schedule for m in members],
                [m.schedule_settings for m in members],
                rows.schedule_state,
                metrics.get("validation_loss", train_loss),
                self.total_steps / problem.steps,
            )
        return {
            "train_loss": train_loss,
            **metrics,
            "learning_rate": rates[:, -1],
            "gradient_norm": norms / len(batches),
            "update_ratio": ratios,
        }

    def wrappers(self, rows: Population, gradient: Array) -> tuple[list[Sweep], list[Sweep]]:
        """The sweeps that some row needs before the update of a step, and after it."""

        def column(name: str) -> Array:
            default = optimizers.SHARED[name].default
            return np.array([m.settings.get(name, default) for m in rows.members])

        def used(name: str) -> bool:
            return bool((column(name) != optimizers.SHARED[name].default).any())

        theta, t, left_at, kept = rows.theta, rows.step, rows.left_at, rows.kept
        before: list[Sweep] = []
        after: list[Sweep] = []
        if used("clip_value"):
            before.append((clip_by_value, (gradient, left_at, column("clip_value"))))
        if used("clip_adaptive"):
            limits = column("clip_adaptive")
            before.append(
                (clip_adaptively, (theta, gradient, left_at, self.problem.tensors, limits))
            )
        if used("lookahead_rate"):
            rates, steps = column("lookahead_rate"), column("lookahead_steps")
            after.append((look_ahead, (theta, kept["slow"], t, left_at, rates, steps)))
        if used("ema") or used("tail_average"):
            ema, tail = column("ema"), column("tail_average")
            total = self.total_steps
            after.append((average, (theta, kept["mean"], t, left_at, total, ema, tail)))
        return before, after

    def rates(self, rows: Population, steps: int) -> Array:
        """Learning rates (rows, steps) of the next epoch, from where each row stands."""
        members = rows.members
        table: Array = schedules.table(
            [m.schedule for m in members],
            [m.schedule_settings for m in members],
            np.array([m.settings["lr"] for m in members]),
            rows.step[:, None] + np.arange(steps),
            self.total_steps,
            self.problem.steps,
        )
        table *= rows.schedule_state[:, :1]
        return table

    def momenta(
        self, members: Sequence[Member], own: Array, step: Array, batches: Sequence[Array]
    ) -> Array:
        """Momenta (rows, steps) of the next epoch; own: (rows,), those of the optimizers."""
        return schedules.momentum_table(
            [m.schedule for m in members],
            [m.schedule_settings for m in members],
            own.copy(),
            step[:, None] + np.arange(len(batches)),
            self.total_steps,
            self.problem.steps,
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
