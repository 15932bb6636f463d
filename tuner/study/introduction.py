"""The introduction: says before training how the data and the space were understood."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import yaml

from tuner.config import Config
from tuner.config.auto import at
from tuner.errors import printable
from tuner.search.untried import count_of
from tuner.training import functions

if TYPE_CHECKING:
    from tuner.data import DataSet

# How many coordinates of a point are shown.
SHOWN = 3


def introduction(config: Config, data: "DataSet | None", done: int = 0) -> list[str]:
    """A few lines about the data or the functions, and the size of a finite space.

    `done` is the number of trials that the study already has.
    """
    if config.function is not None:
        lines = [own_line(config), cohort_line(config)]
    elif data is None:
        lines = [function_line(config, name) for name in config.space.branches["model"]]
    else:
        from tuner.data.understood import understood

        lines = [*understood(data).lines(), *auto_lines(config)]
    held = count_of(config.space)
    lines += [f"Space: {held}."] if held else []
    if done:
        of = f"{done} of {config.budget.trials} trials"
        lines.append(f"Continuing study {config.study.name}: it has {of}.")
    return lines


def auto_lines(config: Config) -> list[str]:
    """The values of settings given as auto, in the form that a command takes."""
    if not config.auto:
        return []
    told = [f"{path}={in_flow(at(config.plain, path))}" for path in config.auto]
    return [f"Auto: {printable(', '.join(told))}."]


def in_flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def own_line(config: Config) -> str:
    """A user function, with the arguments that it requests."""
    own = config.function
    assert own is not None
    asks = f"is given {', '.join(own.asks)}" if own.asks else "takes no arguments of tuner's"
    script = "" if own.is_called else f" of {own.command.partition(' ')[2]}"
    many = f", trained by {config.workers} workers" if config.workers > 1 else ""
    return f"Function: {own.name}(){script} {asks}{many}."


def cohort_line(config: Config) -> str:
    """How the trials of a user function are run, compared and confirmed."""
    size, pruner, top = config.study.cohort, config.pruner.name, config.confirm.most_top
    many = f"{size} at a time" if size > 1 else "one by one"
    if pruner == "none":
        compared = "none is pruned"
    elif pruner == "optuna":
        compared = "each is compared with earlier ones"
    else:
        compared = "the trials of a cohort are compared, and the worse ones are pruned"
    seeds = f"{config.confirm.most_seeds} fresh seeds"
    again = (
        f"the best {top} are confirmed on {seeds}"
        if top > 1
        else "no trial is confirmed on fresh seeds"
    )
    again = f"the best trial is confirmed on {seeds}" if top == 1 else again
    idle = config.workers > size
    mend = f" study.cohort={config.workers} would keep all workers busy." if idle else ""
    return (
        f"Trials: {many}; {compared} (study.cohort={size}, pruner={pruner}); {again} "
        f"(confirm.top={top}).{mend}"
    )


def function_line(config: Config, name: str) -> str:
    """A function to minimise, with its start and its minimum."""
    fixed, searched = config.space.below(f"model.{name}.")
    middle = {path: setting.nearest(None) for path, setting in searched.items()}
    function = functions.create(name, {**fixed, **middle})
    first, *others = function.minima
    more = f" and {len(others)} other points" if others else ""
    size = "one number" if function.size == 1 else f"{function.size} numbers"
    return (
        f"Function: {name} of {size}, from {point(function.origin.tolist())}; its minimum is "
        f"{function.lowest:g}, at {point(first)}{more}."
    )


def point(coordinates: Sequence[float]) -> str:
    """A point as text; at most SHOWN coordinates."""
    shown = [f"{number:.4g}" for number in coordinates[:SHOWN]]
    more = ["..."] if len(coordinates) > SHOWN else []
    return shown[0] if len(coordinates) == 1 else f"({', '.join([*shown, *more])})"
