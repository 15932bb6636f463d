"""Draw the paths of optimizers on a test function of one or two variables, into <root>/plots."""

from collections.abc import Sequence
from itertools import product
from threading import Event

from tuner.config import Config
from tuner.report.descent import ending, settings
from tuner.report.notes import COMPILING, note
from tuner.study.descent import Path, Rivals, descend, drawn_function, surface_of
from tuner.training.kernels.compiling import announced

# The most optimizers in the name of the file.
NAMED = 6


def run(config: Config, stop: Event) -> int:
    """Descends budget.epochs steps with each optimizer, draws the paths and prints their ends.

    If settings are lists of choices, each combination is a path. If a setting is a range,
    budget.trials settings are spread evenly over the ranges, and the path that ends lowest is
    drawn. With several schedules, each optimizer descends with each of them.

    Returns:
        The exit code.

    Raises:
        UserError: for a model or settings that cannot be drawn.
        Interrupted: when `stop` was set.
    """
    from tuner.report.plots.descent import Descent, draw_descents

    name, function = drawn_function(config)
    surface = surface_of(function)
    rivals = [
        Rivals(config, *names)
        for names in product(config.space.branches["optimizer"], config.space.branches["schedule"])
    ]
    with announced(lambda: note(config, COMPILING)):
        paths = iter(descend(config, function, [m for r in rivals for m in r.members], stop))
    several = len(config.space.branches["schedule"]) > 1
    descents = []
    for r in rivals:
        label = f"{r.optimizer}, {r.schedule}" if several else r.optimizer
        own = [next(paths) for _ in r.members]
        for path in own if r.is_each else [min(own, key=Path.rank)]:
            told = [settings(r.shown(path.member)), ending(path, surface)]
            print(f"{label}: {'; '.join(told)}")
            descents.append(Descent(label, "\n".join(told), path.points))
    folder = config.root / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    still = folder / f"descent-{name}-{file_name(config.space.branches['optimizer'])}.png"
    steps = f"{config.budget.epochs} step{'s' * (config.budget.epochs > 1)}"
    searched = not all(r.is_each for r in rivals)
    caption = (
        f"Where settings are ranges, {config.budget.trials} points of them are tried and the "
        "lowest end is drawn."
    )
    draw_descents(surface, descents, f"{name}: {steps}", caption if searched else "", still)
    print(still, still.with_suffix(".gif"), sep="\n")
    return 0


def file_name(optimizers: Sequence[str]) -> str:
    """The optimizers as part of a file name."""
    more = len(optimizers) - NAMED
    return "-".join([*optimizers[:NAMED], *([f"and-{more}-more"] if more > 0 else [])])
