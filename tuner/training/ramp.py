"""A ramp: a learning rate that grows by a constant factor, and the loss before each step."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.problems import Objective, Problem

if TYPE_CHECKING:
    from tuner.training.population import Population

Array = np.ndarray


class Stepwise(Problem):
    """A problem in which every step is an epoch, without a validation part."""

    batched = True

    def __init__(self, whole: Problem) -> None:
        self.whole, self.dtype = whole, whole.dtype

    @property
    def size(self) -> int:
        return self.whole.size

    @property
    def steps(self) -> int:
        return 1

    @cached_property
    def tensors(self) -> Array:
        return self.whole.tensors

    @cached_property
    def penalised(self) -> Array:
        return self.whole.penalised

    def for_rows(self, rows: "Population") -> "Stepwise":
        return Stepwise(self.whole.for_rows(rows))

    def alike_at_first(self, member: Member) -> Hashable:
        return self.whole.alike_at_first(member)

    def initial(self, seed: int) -> Array:
        return self.whole.initial(seed)

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        epoch, step = divmod(epoch, self.whole.steps)
        return [self.whole.batches(seed, epoch)[step]]

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> Objective:
        return _Unjudged(self.whole.attach(theta, gradient, left_at))


class _Unjudged(Objective):
    """An objective that is differentiated but never evaluated."""

    def __init__(self, whole: Objective) -> None:
        self.whole, self.gradient, self.losses = whole, whole.gradient, whole.losses
        self.compiled = whole.compiled

    def differentiate(self, batch: Array) -> None:
        self.whole.differentiate(batch)

    def check(self, order: Array, sizes: Sequence[int]) -> None:
        self.whole.check(order, sizes)

    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        return {}

    def training_loss(self, theta: Array) -> Array:
        return self.whole.training_loss(theta)


def ramp(
    problem: Problem,
    members: Sequence[Member],
    high: float,
    steps: int,
    threads: int = 1,
    stop: Event | None = None,
) -> tuple[Array, Array]:
    """The learning-rate range test of Smith 2017 (section 3.3), with an exponentially growing rate.

    Each member starts at its own rate and reaches `high` in the last step; its own schedule is
    ignored. Returns rates and losses, (members, steps) each: the loss is that of the step's batch
    before the step, nan once the row diverged. Raises tuner.training.loop.Interrupted.
    """
    rows = [_rising(member, i, high, steps) for i, member in enumerate(members)]
    rates, losses = np.empty((2, steps, len(rows)))
    with Trainer(Stepwise(problem), steps, threads, stop) as trainer:
        population = create(trainer.problem, rows)
        places = [m.trial for m in population.members]
        for step in range(steps):
            done = trainer.epoch(population, step + 1)
            rates[step, places] = done.metrics["learning_rate"]
            losses[step, places] = np.where(done.left, np.nan, done.metrics["train_loss"])
    return rates.T, losses.T


def _rising(member: Member, number: int, high: float, steps: int) -> Member:
    """The member with a schedule that rises to `high` in its last step."""
    factor = (high / member.settings["lr"]) ** (steps / max(steps - 1, 1))
    return replace(
        member, trial=number, schedule="exponential", schedule_settings={"gamma": factor}
    )
