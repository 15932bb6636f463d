"""Draw the schedules that are chosen: a picture in <root>/plots, without data or training."""

from itertools import islice, product
from threading import Event
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.search.space import Setting
from tuner.training import optimizers, schedules

Array = np.ndarray

# Steps that are drawn, at least: fine enough for every curve.
STEPS = 1000
# The shaded band is that of about so many settings, spread evenly over the ranges.
BAND = 128


def run(config: Config, stop: Event) -> int:
    """Writes the picture and prints its path.

    Rates are drawn as multiples of the optimizer's. A searched setting is drawn at the middle of
    its range; where the ranges lead is shaded.
    """
    from tuner.report.plots.trials import draw_schedules

    curves = [Drawn(config, name).curve() for name in config.space.branches["schedule"]]
    folder = config.root / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"schedule-{'-'.join(curve.name for curve in curves)}.png"
    draw_schedules(curves, path)
    print(path)
    return 0


class Drawn:
    """A schedule over all epochs of the config, for its first optimizer."""

    def __init__(self, config: Config, name: str) -> None:
        self.name, self.epochs = name, config.budget.epochs
        self.epoch = -(-STEPS // self.epochs)
        self.total = self.epochs * self.epoch
        self.fixed, self.ranges = below(config, f"schedule.{name}.")
        optimizer = config.space.branches["optimizer"][0]
        known = optimizers.load(optimizer).hyperparameters
        fixed, ranges = below(config, f"optimizer.{optimizer}.")
        own = fixed | {key: setting.at(0.5) for key, setting in ranges.items()}
        self.lr: float = own["lr"]
        self.momentum = next((key for key in schedules.MOMENTA if key in known), "")
        self.own_momentum = own.get(self.momentum, 0.0)

    def curve(self) -> Any:
        from tuner.report.plots.trials import ScheduleCurve

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
        return self.name != schedules.PARTS and schedules.load(self.name).state is not None

    def at(self, shares: list[float]) -> dict[str, Any]:
        """The settings at these shares of the ranges."""
        chosen = zip(self.ranges.items(), shares, strict=True)
        return self.fixed | {key: setting.at(share) for (key, setting), share in chosen}

    def table(self, settings: dict[str, Any], value: float, function: Any) -> Array:
        steps, own = np.arange(float(self.total))[None], np.array([value])
        rates: Array = function([self.name], [settings], own, steps, self.total, self.epoch)[0]
        return rates

    def rates(self, settings: dict[str, Any]) -> Array:
        """Rates as multiples of the optimizer's; of a schedule that looks at losses, those under a
        loss that never falls.
        """
        rates = self.table(settings, self.lr, schedules.table) / self.lr
        state = schedules.initial_state(1)
        for epoch in range(self.epochs if self.watches else 0):
            rates[epoch * self.epoch : (epoch + 1) * self.epoch] *= state[0, 0]
            schedules.after_epoch([self.name], [settings], state, np.ones(1), self.epochs)
        return rates

    def momenta(self, settings: dict[str, Any]) -> Array | None:
        if not self.momentum or not schedules.cycles_momentum(self.name, settings):
            return None
        return self.table(settings, self.own_momentum, schedules.momentum_table)


def below(config: Config, prefix: str) -> tuple[dict[str, Any], dict[str, Setting]]:
    """The fixed and the searched settings below a path."""

    def inside(settings: Any) -> dict[str, Any]:
        return {k.removeprefix(prefix): v for k, v in settings.items() if k.startswith(prefix)}

    return inside(config.space.fixed), inside(config.space.searched)
