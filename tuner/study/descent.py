"""Descents: the paths of optimizers over a function of one or two variables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from threading import Event
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.errors import UserError
from tuner.search.space import Choices, Setting
from tuner.training import functions
from tuner.training.analytic import COORDINATES, Analytic
from tuner.training.functions import Function
from tuner.training.loop import Trainer
from tuner.training.population import Member, create

Array = np.ndarray

# The window of a curve is wider by this factor, to show a few oscillations of a diverging path.
WIDER = 1.5
# The metric that holds a function's value.
VALUE = "validation_loss"

# Points along each side of the grid for contours.
GRID = 401
# If only lists are searched, up to this many combinations get a path each; with more, only the path
# that ends lowest is drawn.
EACH = 12
# The margin around a start outside the function's window, as a share of its distance.
MARGIN = 0.05


@dataclass(frozen=True)
class Surface:
    """A function over a part of the plane; a one-dimensional function is a curve in it.

    Attributes:
        x: (columns,).
        y: (rows,); for a curve, the range of values shown.
        heights: (rows, columns), above the minimum; for a curve, the values (columns,).
        minima: (points, 2).
        start: (2,), inside the window.
    """

    x: Array
    y: Array
    heights: Array
    minima: Array
    start: Array

    @property
    def is_curve(self) -> bool:
        """Whether the function is one-dimensional; points are then its argument and its value."""
        return self.heights.ndim == 1

    @property
    def low(self) -> Array:
        """The lower left corner, (2,)."""
        return np.array([self.x[0], self.y[0]])

    @property
    def high(self) -> Array:
        """The upper right corner, (2,)."""
        return np.array([self.x[-1], self.y[-1]])

    def leaves_at(self, points: Array) -> int:
        """The step from which points (steps + 1, 2) stay outside; 0 if the last one is inside."""
        inside = np.all((points >= self.low) & (points <= self.high), axis=1)
        return 0 if inside[-1] else int(np.flatnonzero(inside)[-1]) + 1


def drawn_function(config: Config) -> tuple[str, Function]:
    """The name of the config's function, and the function.

    Raises:
        UserError: if the model is not exactly one function, of one or two dimensions.
    """
    names = config.space.branches["model"]
    for name in names:
        if name not in functions.names():
            raise UserError(
                f"model: {name}: job=plot_descent draws functions: give one of "
                f"{', '.join(functions.names())}"
            )
    if len(names) > 1:
        raise UserError(f"model: {', '.join(names)}: to draw, give one of them")
    fixed, ranges = config.space.below(f"model.{names[0]}.")
    for key in ranges:
        raise UserError(f"model.{names[0]}.{key}: must be a number to be drawn, not a range")
    function = functions.create(names[0], fixed)
    if function.size > len(COORDINATES):
        raise UserError(f"model.{names[0]}.dimension: {function.size}: must be 1 or 2 to be drawn")
    return names[0], function


def surface_of(function: Function) -> Surface:
    """The function over its window, which is enlarged if the start lies outside."""
    if function.size == 1:
        return curve_of(function)
    axes = []
    for (low, high), start in zip(function.window, function.origin, strict=True):
        room = MARGIN * max(low - start, start - high, 0.0)
        axes.append(np.linspace(min(low, start - room), max(high, start + room), GRID))
    x, y = axes
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, len(axes))
    heights = (function(points)[0] - function.lowest).reshape(len(y), len(x))
    return Surface(x, y, heights, np.array(function.minima), function.origin)


def curve_of(function: Function) -> Surface:
    """A one-dimensional function over its window, up to the highest value there."""
    x = np.linspace(*function.window[0], GRID) * WIDER
    minima, start = np.array(function.minima), function.origin[None]
    values, lowest, first = (function(points)[0] for points in (x[:, None], minima, start))
    room = MARGIN * float(np.ptp(values))
    y = np.array([values.min() - room, values.max()])
    return Surface(x, y, values, np.column_stack([minima, lowest]), np.append(start, first))


class Rivals:
    """The settings of one optimizer and one schedule to compare, as members.

    Attributes:
        keys: (group, name) of the learning rate and of the searched settings.
        members: one per combination if only lists (or nothing) are searched and there are at most
            EACH; else one for each of budget.trials settings.
        is_each: whether every member's path is drawn, not only the one that ends lowest.
    """

    def __init__(self, config: Config, optimizer: str, schedule: str) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        fixed: dict[tuple[str, str], Any] = {}
        ranges: dict[tuple[str, str], Setting] = {}
        for group, name in (("optimizer", optimizer), ("schedule", schedule)):
            own = config.space.below(f"{group}.{name}.")
            fixed |= {(group, key): value for key, value in own[0].items()}
            ranges |= {(group, key): setting for key, setting in own[1].items()}
        self.keys = list(dict.fromkeys([("optimizer", "lr"), *ranges]))
        listed = [setting.options for setting in ranges.values() if isinstance(setting, Choices)]
        self.is_each = len(listed) == len(ranges) and math.prod(map(len, listed)) <= EACH
        if self.is_each:
            chosen = list(product(*listed))
        else:
            # The generator is made anew here, so that a path does not depend on the other
            # optimizers.
            rng = np.random.default_rng(config.study.seed)
            points = spread(config.budget.trials, len(ranges), rng).tolist()
            chosen = [
                tuple(s.at(u) for s, u in zip(ranges.values(), at, strict=True)) for at in points
            ]
        self.members = [self.member(fixed | dict(zip(ranges, own, strict=True))) for own in chosen]

    def member(self, settings: Mapping[tuple[str, str], Any]) -> Member:
        """A member with these settings, given by (group, name)."""

        def of(group: str) -> dict[str, Any]:
            return {key: value for (where, key), value in settings.items() if where == group}

        return Member(0, 0, self.optimizer, of("optimizer"), self.schedule, of("schedule"))

    def shown(self, member: Member) -> list[tuple[str, Any]]:
        """A member's learning rate and searched settings."""
        values = {"optimizer": member.settings, "schedule": member.schedule_settings}
        return [(key, values[group][key]) for group, key in self.keys]


def spread(count: int, axes: int, rng: np.random.Generator) -> Array:
    """Points (count, axes) of a Latin hypercube in [0, 1) (McKay, Beckman & Conover 1979)."""
    places = rng.permuted(np.tile(np.arange(count)[:, None], axes), axis=0)
    return (places + 0.5) / count


@dataclass(frozen=True)
class Path:
    """The path of a member.

    Attributes:
        points: (steps + 1, 2), up to the last finite one, in the coordinates of `Surface`.
        value: the function value at the last point.
        left: the step at which the member diverged, or 0.
    """

    member: Member
    points: Array
    value: float
    left: int

    def rank(self) -> tuple[bool, float]:
        """The sort key: the lowest end first; diverged paths last, the latest divergence first."""
        return self.left > 0, -self.left if self.left else self.value


def descend(
    config: Config, function: Function, members: Sequence[Member], stop: Event
) -> list[Path]:
    """The paths of the members, in their order; all train as one population.

    Raises:
        Interrupted: when `stop` was set.
    """
    problem = Analytic(function, np.dtype(config.dtype))
    numbered = [replace(member, trial=i) for i, member in enumerate(members)]
    population = create(problem, numbered)
    with Trainer(problem, config.budget.epochs, stop=stop) as trainer:
        steps = range(1, config.budget.epochs + 1)
        said = [trainer.start(population), *(trainer.epoch(population, step) for step in steps)]
    names = COORDINATES if function.size == len(COORDINATES) else (COORDINATES[0], VALUE)
    points = np.array([[epoch.metrics[name] for name in names] for epoch in said])
    values = np.array([epoch.metrics[VALUE] for epoch in said])
    left = np.array([epoch.left for epoch in said])
    row_of = {member.trial: row for row, member in enumerate(population.members)}
    paths = []
    for i, member in enumerate(numbered):
        row = row_of[i]
        at = int(left[:, row].argmax())
        end = at or len(said)
        paths.append(Path(member, points[:end, :, row], float(values[end - 1, row]), at))
    return paths
