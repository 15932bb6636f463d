"""The curves of schedules over a whole training, computed from the config alone."""

from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.search.space import Chosen
from tuner.training import optimizers, schedules

Array = np.ndarray

# The least number of drawn steps: fine enough for every curve.
STEPS = 1000
# The shaded band covers about this many settings, spread evenly over the ranges.
BAND = 128


@dataclass(frozen=True)
class ScheduleCurve:
    """A schedule to draw: arrays (steps,) over shares of the training.

    Attributes:
        note: a remark, in lines.
        rates: multiples of the optimizer's rate.
        low, high: the lowest and the highest rates within the searched ranges.
        momentum: the name of the hyperparameter in `momenta`.
        momenta: None if the schedule does not change the momentum.
    """

    name: str
    note: str
    shares: Array
    rates: Array
    low: Array
    high: Array
    momentum: str
    momenta: Array | None


class LaidOut:
    """A schedule over all epochs of the config, for its first optimizer if it has one."""

    def __init__(self, config: Config, name: str) -> None:
        self.name, self.epochs = name, config.budget.epochs
        self.epoch = -(-STEPS // self.epochs)
        self.total = self.epochs * self.epoch
        self.fixed, self.ranges = config.space.below(f"schedule.{name}.")
        self.lr, self.momentum, self.own_momentum = 1.0, "", 0.0
        if config.function is not None:
            return  # the function has its own rates
        optimizer = config.space.branches["optimizer"][0]
        known = optimizers.load(optimizer).hyperparameters
        fixed, ranges = config.space.below(f"optimizer.{optimizer}.")
        own = fixed | {key: setting.at(0.5) for key, setting in ranges.items()}
        self.lr = own["lr"]
        self.momentum = next((key for key in schedules.MOMENTA if key in known), "")
        self.own_momentum = own.get(self.momentum, 0.0)

    def curve(self) -> ScheduleCurve:
        """The curve at the middle of the ranges, with the band of the ranges."""
        middle = self.at([0.5] * len(self.ranges))
        each = max(2, int(BAND ** (1 / max(len(self.ranges), 1))))
        places = product(np.linspace(0, 1 - 1e-12, each), repeat=len(self.ranges))
        band = [self.rates(self.at(list(place))) for place in islice(places, BAND)]
        notes = [f"{key} {middle[key]:.3g}" for key in self.ranges]
        if self.name == schedules.PARTS:
            notes = [f"{key} {value}" for key, value in middle.items() if key.endswith(".name")]
        if self.watches:
            notes.append("if the loss never fell")
        return ScheduleCurve(
            name=self.name,
            note="\n".join(notes),
            shares=np.arange(self.total) / self.total,
            rates=self.rates(middle),
            low=np.min(band, axis=0),
            high=np.max(band, axis=0),
            momentum=self.momentum,
            momenta=self.momenta(middle),
        )

    @property
    def watches(self) -> bool:
        """Whether the schedule depends on losses."""
        return self.name != schedules.PARTS and schedules.load(self.name).state is not None

    def at(self, shares: list[float]) -> Chosen:
        """The settings at these shares of the ranges."""
        chosen = zip(self.ranges.items(), shares, strict=True)
        return self.fixed | {key: setting.at(share) for (key, setting), share in chosen}

    def table(self, settings: Chosen, value: float, function: Any) -> Array:
        """Rates or momenta at every step, for this value of the optimizer's."""
        steps, own = np.arange(float(self.total))[None], np.array([value])
        rates: Array = function([self.name], [settings], own, steps, self.total, self.epoch)[0]
        return rates

    def rates(self, settings: Chosen) -> Array:
        """Rates as multiples of the optimizer's rate.

        A schedule that depends on losses is drawn for a loss that never falls.
        """
        rates = self.table(settings, self.lr, schedules.table) / self.lr
        state = schedules.initial_state(1)
        for epoch in range(self.epochs if self.watches else 0):
            rates[epoch * self.epoch : (epoch + 1) * self.epoch] *= state[0, 0]
            schedules.after_epoch([self.name], [settings], state, np.ones(1), self.epochs)
        return rates

    def momenta(self, settings: Chosen) -> Array | None:
        """The optimizer's momentum at every step; None if the schedule does not change it."""
        if not self.momentum or not schedules.cycles_momentum(self.name, settings):
            return None
        return self.table(settings, self.own_momentum, schedules.momentum_table)
