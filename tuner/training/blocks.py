"""Blocks: rows of one seed, fold and optimizer, which a thread takes through an epoch.

Threads wait for each other where they run Python, and between epochs its code is no longer in the
cache of the processor: what takes a tenth of a millisecond in a loop takes half of one there. So a
block makes once what its members say, and lays out batches and rates for several epochs at a time.
"""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, NamedTuple

import numpy as np

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
from tuner.training.population import Population, evaluated
from tuner.training.problems import Objective, Problem
from tuner.training.transforms import after_update, before_update, needed, numbers_of

Array = np.ndarray

# So many numbers are laid out ahead at most, or those of one epoch.
AHEAD = 1 << 13


class Order(NamedTuple):
    """The batches of an epoch, one by one and one after another, and where each starts and stops
    there."""

    batches: Sequence[Array]
    samples: Array
    bounds: Array


class Steps(NamedTuple):
    """The passes of steps, and the code that takes rows through many of them."""

    passes: Passes
    run: Callable[..., None]


class Block:
    """Rows of one seed, fold and optimizer, in the arrays of their population.

    Args:
        whole: the problem of all rows.
        rows: those of the block, as views.
        total_steps: the length that the schedules are laid out for, in steps of `whole`.
        steps: what blocks of one problem share, by optimizer and by what wraps it.
    """

    def __init__(
        self,
        whole: Problem,
        rows: Population,
        total_steps: int,
        steps: dict[tuple[str, bool, bool], Steps],
    ) -> None:
        self.problem, self.rows, self.steps = whole.for_rows(rows), rows, steps
        self.total_steps = total_steps * self.problem.steps // whole.steps
        self.layout = Layout(whole.tensors, whole.penalised)
        members = rows.members
        self.schedules = [m.schedule for m in members]
        self.schedule_settings = [m.schedule_settings for m in members]
        self.lr = np.array([m.settings["lr"] for m in members])
        ((self.name, kept),) = rows.slots.items()
        optimizer = optimizers.load(self.name)
        self.slots = tuple(slot_arguments(optimizer, kept, rows.theta, rows.step))
        own = [key for key in optimizer.hyperparameters if key != "lr"]
        self.settings = np.array([[m.settings[key] for key in own] for m in members])
        cycles = any(map(schedules.cycles_momentum, self.schedules, self.schedule_settings))
        cycled = [own.index(key) for key in schedules.MOMENTA if cycles and key in own]
        self.cycled = np.array(cycled, np.int64)
        self.adapts = any(map(schedules.adapts, self.schedules))
        self.numbers = numbers_of(members)
        self.before, self.after = needed(self.numbers)
        # How many epochs it was trained; what is laid out of its next ones, and from where on.
        self.trained = 0
        self.orders: list[Order] = []
        self.first_epoch = 0
        self.table = np.empty((1 + len(cycled), len(members), 0))
        self.first_steps = rows.step.copy()

    def train(self, epoch: int, stop: Event, halt: Array) -> dict[str, Array]:
        """Trains the rows through an epoch.

        Args:
            epoch: its number, counted from 1.
            stop: stops them at the next step once it is set.
            halt: (1,) bool, what compiled code reads of `stop`.

        Returns:
            Their metrics; none if they were stopped.
        """
        rows, problem = self.rows, self.problem
        gradient, before = np.empty((2, *rows.theta.shape), rows.theta.dtype)
        objective = problem.attach(rows.theta, gradient, rows.left_at)
        order, (rates, cycling) = self.order(epoch, objective), self.rates()
        norms, sums, ratios = np.zeros((3, len(rows.members)))
        course = Course(order.samples, order.bounds, rates, self.total_steps)
        totals = Totals(norms, sums, before)
        self.walk(objective, order.batches, course, cycling, totals, stop, halt)
        if stop.is_set():
            return {}
        final = evaluated(rows)
        metrics = objective.evaluate(final)
        update_ratio(before, rows.theta, ratios)
        train_loss = (
            sums / len(order.samples) if problem.batched else objective.training_loss(final)
        )
        if self.adapts:
            schedules.after_epoch(
                self.schedules,
                self.schedule_settings,
                rows.schedule_state,
                metrics.get("validation_loss", train_loss),
                self.total_steps / problem.steps,
            )
        self.trained += 1
        return {
            "train_loss": train_loss,
            **metrics,
            "learning_rate": rates[:, -1],
            "gradient_norm": norms / len(order.batches),
            "update_ratio": ratios,
        }

    def ahead(self, numbers: int) -> int:
        """How many epochs of so many numbers to lay out at once: no more than the block has behind
        it, for after any of them its rows may become others."""
        return max(1, min(self.trained, AHEAD // numbers))

    def order(self, epoch: int, objective: Objective) -> Order:
        """The batches of an epoch, which the objective can take."""
        if not 0 <= epoch - self.first_epoch < len(self.orders):
            count = self.ahead(len(self.orders[0].samples)) if self.orders else 1
            self.first_epoch, self.orders = epoch, []
            for number in range(epoch, epoch + count):
                batches = self.problem.batches(self.rows.members[0].seed, number - 1)
                samples, sizes = np.concatenate(batches), list(map(len, batches))
                objective.check(samples, sizes)
                self.orders.append(Order(batches, samples, np.cumsum([0, *sizes])))
        return self.orders[epoch - self.first_epoch]

    def rates(self) -> tuple[Array, Cycling]:
        """Learning rates (rows, steps) of the next epoch, and what schedules set of the settings,
        from where each row stands."""
        rows, steps = self.rows, self.problem.steps
        places = [int(place) for place in rows.step - self.first_steps]
        count, _, width = self.table.shape
        if min(places) < 0 or max(places) + steps > width:
            width = steps * self.ahead(count * len(places) * steps)
            self.first_steps, places = rows.step.copy(), [0] * len(places)
            self.table = self.laid(self.first_steps[:, None] + np.arange(width))
        numbers = np.empty((count, len(places), steps))
        for row, place in enumerate(places):
            numbers[:, row] = self.table[:, row, place : place + steps]
        numbers[0] *= rows.schedule_state[:, :1]
        return numbers[0], Cycling(self.cycled, numbers[1:])

    def laid(self, steps: Array) -> Array:
        """What schedules make of steps (rows, steps) of these numbers, counted from 0: rates, and
        what they set of the settings, (1 + columns, rows, steps)."""
        names, own, total, epoch = (
            self.schedules, self.schedule_settings, self.total_steps, self.problem.steps,
        )  # fmt: skip
        momenta = [
            schedules.momentum_table(names, own, self.settings[:, column], steps, total, epoch)
            for column in self.cycled
        ]
        return np.array([schedules.table(names, own, self.lr, steps, total, epoch), *momenta])

    def walk(
        self,
        objective: Objective,
        batches: Sequence[Array],
        course: Course,
        cycling: Cycling,
        totals: Totals,
        stop: Event,
        halt: Array,
    ) -> None:
        """Takes the rows through the steps of an epoch, or until a stop."""
        rows, theta = self.rows, self.rows.theta
        settings = self.settings.copy() if len(self.cycled) else self.settings
        state = Rows(theta, objective.gradient, rows.left_at, rows.step, objective.losses)
        # theta stands for what is not used.
        orthants = np.empty_like(theta) if self.numbers[0].any() else theta
        averages = (rows.kept.get(key, theta) for key in ("slow", "mean"))
        transforms = Transforms(self.numbers, orthants, *averages)
        own = objective.compiled[1] if objective.compiled else ()
        more = own, self.slots, state, course, settings, cycling, self.layout, transforms, totals
        key = self.name, self.before, self.after
        if key not in self.steps:
            self.steps[key] = self.compiled_steps(objective, batches[0], halt, more)
        passes, run = self.steps[key]
        if objective.compiled:
            run(0, len(batches), halt, passes, *more)
            return
        for i, batch in enumerate(batches):
            if stop.is_set():
                return
            objective.differentiate(batch)
            run(i, i + 1, halt, passes, *more)

    def compiled_steps(
        self, objective: Objective, batch: Array, halt: Array, more: tuple[Any, ...]
    ) -> Steps:
        """What steps with such arguments call, and what takes them.

        The pass of the model comes last: a process that compiles ahead (`tuner.study.ahead`) does
        so while the first one compiles how models are evaluated, which begins alike.
        """
        own, _, state, course, settings, _, _, transforms, totals = more
        differentiate = objective.compiled[0] if objective.compiled else None
        theta, gradient, left_at, t, losses = state
        now = t, course.rates, 0, course.total
        given = self.layout.tensors, settings, losses, totals.norms, left_at
        before, after = self.before, self.after
        passes = Passes(
            Pointer(None, *state, batch, *own),
            Pointer(before_update if before else None, *state[:3], *self.layout, *transforms[:2]),
            Pointer(fused_pass(self.name), theta, gradient, *self.slots, *now, *given),
            Pointer(
                after_update if after else None,
                theta, left_at, t, course.total, self.layout.penalised, *transforms,
            ),
            differentiate is not None,
            before,
            after,
        )  # fmt: skip
        run = advance.code_for(0, 0, halt, passes, *more)
        first = Pointer(differentiate, *state, batch, *own)
        return Steps(passes._replace(differentiate=first), run)


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
