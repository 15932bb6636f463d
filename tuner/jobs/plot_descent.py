"""Draw how optimizers descend on a function of two numbers: a PNG and a GIF in <root>/plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.config import Config
from tuner.errors import UserError
from tuner.jobs._progress import note
from tuner.jobs.plot_schedule import below
from tuner.search.space import Setting
from tuner.training import functions
from tuner.training.analytic import COORDINATES, Analytic
from tuner.training.functions import Function
from tuner.training.kernels.compiling import announced
from tuner.training.loop import Trainer
from tuner.training.population import Member, create

if TYPE_CHECKING:
    from tuner.report.plots.descent import Surface

Array = np.ndarray

COMPILING = "compiling for this machine, which happens once"
# Points along a side of the grid that contours are drawn from.
GRID = 401
# Left free around a start outside the function's window, as a share of the way there.
MARGIN = 0.05
# So many optimizers are named in the name of the file.
NAMED = 6


def run(config: Config, stop: Event) -> int:
    """Descends budget.epochs steps with each optimizer, draws the paths, prints what they did.

    Numbers are used as they are. Where a setting is a range, budget.trials settings, spread evenly
    over the ranges, descend, and the path is drawn that ends lowest. With several schedules, each
    optimizer descends with each.
    """
    from tuner.report.plots.descent import Descent, draw_descents

    name, function = drawn_function(config)
    surface = surface_of(function)
    rivals = [
        Rivals(config, *names)
        for names in product(config.space.branches["optimizer"], config.space.branches["schedule"])
    ]
    with announced(lambda: note(COMPILING)):
        paths = iter(descend(config, function, [m for r in rivals for m in r.members], stop))
    several = len(config.space.branches["schedule"]) > 1
    descents = []
    for r in rivals:
        best = min((next(paths) for _ in r.members), key=Path.rank)
        label = f"{r.optimizer}, {r.schedule}" if several else r.optimizer
        told = [r.told(best.member), best.ending(surface)]
        print(f"{label}: {'; '.join(told)}")
        descents.append(Descent(label, "\n".join(told), best.points))
    folder = config.root / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    still = folder / f"descent-{name}-{file_name(config.space.branches['optimizer'])}.png"
    steps = f"{config.budget.epochs} step{'s' * (config.budget.epochs > 1)}"
    searched = any(len(r.members) > 1 for r in rivals)
    caption = (
        f"Where settings are ranges: of {config.budget.trials} spread over them, the lowest end."
    )
    draw_descents(surface, descents, f"{name}: {steps}", caption if searched else "", still)
    print(still, still.with_suffix(".gif"), sep="\n")
    return 0


def drawn_function(config: Config) -> tuple[str, Function]:
    """The function of the config and its name.

    Raises UserError if the model is no function of two numbers, or not one alone.
    """
    names = config.space.branches["model"]
    for name in names:
        if name not in functions.names():
            raise UserError(
                f"model: {name}: job=plot_descent draws functions of two numbers: give one of "
                f"{', '.join(functions.names())}"
            )
    if len(names) > 1:
        raise UserError(f"model: {', '.join(names)}: must be one to be drawn")
    fixed, ranges = below(config, f"model.{names[0]}.")
    for key in ranges:
        raise UserError(f"model.{names[0]}.{key}: must be a number to be drawn, not a range")
    function = functions.create(names[0], fixed)
    if function.size != len(COORDINATES):
        raise UserError(f"model.{names[0]}.dimension: {function.size}: must be 2 to be drawn")
    return names[0], function


class Rivals:
    """The settings of one optimizer and one schedule that descend, as members; one is drawn."""

    def __init__(self, config: Config, optimizer: str, schedule: str) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        fixed: dict[tuple[str, str], Any] = {}
        ranges: dict[tuple[str, str], Setting] = {}
        for group, name in (("optimizer", optimizer), ("schedule", schedule)):
            own = below(config, f"{group}.{name}.")
            fixed |= {(group, key): value for key, value in own[0].items()}
            ranges |= {(group, key): setting for key, setting in own[1].items()}
        self.ranges = list(ranges)
        # A seed of its own for each, so that a path does not depend on who else descends.
        rng = np.random.default_rng(config.study.seed)
        count = config.budget.trials if ranges else 1
        self.members = [
            self.member(fixed | {k: s.at(u) for (k, s), u in zip(ranges.items(), at, strict=True)})
            for at in spread(count, len(ranges), rng).tolist()
        ]

    def member(self, settings: Mapping[tuple[str, str], Any]) -> Member:
        def of(group: str) -> dict[str, Any]:
            return {key: value for (where, key), value in settings.items() if where == group}

        return Member(0, 0, self.optimizer, of("optimizer"), self.schedule, of("schedule"))

    def told(self, member: Member) -> str:
        """The rate and what was a range."""
        values = {"optimizer": member.settings, "schedule": member.schedule_settings}
        keys = dict.fromkeys([("optimizer", "lr"), *self.ranges])
        return ", ".join(f"{key} {number(values[group][key])}" for group, key in keys)


def spread(count: int, axes: int, rng: np.random.Generator) -> Array:
    """Points (count, axes) of a Latin hypercube in [0, 1) (McKay, Beckman & Conover 1979)."""
    places = rng.permuted(np.tile(np.arange(count)[:, None], axes), axis=0)
    return (places + 0.5) / count


@dataclass(frozen=True)
class Path:
    """What a member did: points (steps + 1, 2) up to the last finite one, and the value there.

    left: the step at which it diverged, or 0.
    """

    member: Member
    points: Array
    value: float
    left: int

    def rank(self) -> tuple[bool, float]:
        """The lowest end first; those that diverged last, the latest of them first."""
        return self.left > 0, -self.left if self.left else self.value

    def ending(self, surface: "Surface") -> str:
        if self.left:
            return f"diverged at step {self.left}"
        if outside := surface.leaves_at(self.points):
            return f"f = {number(self.value)}, outside the picture from step {outside} on"
        x, y = (number(round(float(place), 4) + 0.0) for place in self.points[-1])
        return f"f = {number(self.value)} at ({x}, {y})"


def descend(
    config: Config, function: Function, members: Sequence[Member], stop: Event
) -> list[Path]:
    """The paths of the members, in their order; they train as one population."""
    problem = Analytic(function, np.dtype(config.dtype))
    numbered = [replace(member, trial=i) for i, member in enumerate(members)]
    population = create(problem, numbered)
    with Trainer(problem, config.budget.epochs, stop=stop) as trainer:
        steps = range(1, config.budget.epochs + 1)
        said = [trainer.start(population), *(trainer.epoch(population, step) for step in steps)]
    points = np.array([[epoch.metrics[name] for name in COORDINATES] for epoch in said])
    values = np.array([epoch.metrics["validation_loss"] for epoch in said])
    left = np.array([epoch.left for epoch in said])
    row_of = {member.trial: row for row, member in enumerate(population.members)}
    paths = []
    for i, member in enumerate(numbered):
        row = row_of[i]
        at = int(left[:, row].argmax())
        end = at or len(said)
        paths.append(Path(member, points[:end, :, row], float(values[end - 1, row]), at))
    return paths


def surface_of(function: Function) -> "Surface":
    """The function over its window, made larger if it starts outside."""
    from tuner.report.plots.descent import Surface

    axes = []
    for (low, high), start in zip(function.window, function.origin, strict=True):
        room = MARGIN * max(low - start, start - high, 0.0)
        axes.append(np.linspace(min(low, start - room), max(high, start + room), GRID))
    x, y = axes
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, len(axes))
    heights = (function(points)[0] - function.lowest).reshape(len(y), len(x))
    return Surface(x, y, heights, np.array(function.minima), function.origin)


def file_name(optimizers: Sequence[str]) -> str:
    more = len(optimizers) - NAMED
    return "-".join([*optimizers[:NAMED], *([f"and-{more}-more"] if more > 0 else [])])


def number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
