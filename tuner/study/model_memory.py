"""The memory of a study's models: checked before any model is made."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.config import Config
from tuner.data import memory
from tuner.search.space import Choices, Chosen, Setting
from tuner.training import optimizers
from tuner.training.families import FAMILIES, create

if TYPE_CHECKING:
    from tuner.data import DataSet


def check_models(config: Config, data: "DataSet") -> None:
    """Refuses models that would need more than half the memory.

    With a fixed structure, all rows that train together count: those of a cohort, or those of the
    confirmation if it has more. With a searched structure, the rows of its largest trial count.

    Raises:
        UserError: for the first model that is too large; the message names the setting that makes
            it large.
    """
    folds, confirm = len(data.split.folds), config.confirm
    together = max(config.study.cohort, confirm.most_top * confirm.most_seeds)
    slots = max(len(optimizers.load(name).slots) for name in config.space.branches["optimizer"])
    for model in config.space.branches["model"]:
        rows = folds if _searched(config, model) else together * folds
        # The parameters with their slots in each row; one gradient and one copy from before the
        # step.
        arrays = rows * (1 + slots) + 2
        for where, shape in _largest(config, model):
            size = create(model, data.inputs, data.outputs, shape).size
            memory.check(
                f"{where}: {size:.3g} parameters in {rows} rows",
                float(size) * arrays * np.dtype(config.dtype).itemsize,
                f"give a smaller model, or a smaller study.cohort{_or_fewer(data)}",
            )


def _or_fewer(data: "DataSet") -> str:
    """Further advice if a table was encoded to very many columns: names the widest one."""
    widest = data.widest
    if widest is None:
        return ""
    name, count = widest
    return f", or fewer columns: {name} makes {count} of {data.inputs} (data.min_count, data.words)"


def _searched(config: Config, model: str) -> bool:
    """Whether the model's structure is searched."""
    _, searched = config.space.below(f"model.{model}.")
    return any(path.partition(".")[0] in FAMILIES[model].shape for path in searched)


def _largest(config: Config, model: str) -> Iterator[tuple[str, Chosen]]:
    """The largest structures that a trial may have, each with the setting that makes it large."""
    fixed, searched = config.space.below(f"model.{model}.")
    shape = {key: fixed[key] for key in FAMILIES[model].shape if key in fixed}
    numbers = {path: _top(setting) for path, setting in searched.items()}
    numbers |= {path: value for path, value in fixed.items() if path.startswith("hidden.")}
    where = f"model: {model}"
    for key in ("hidden", "factors"):
        if key in fixed:
            where = f"model.{model}.{key}: {fixed[key]}"
        elif key in searched:
            where = f"model.{model}.{key}: {numbers[key]}"
            shape[key] = numbers[key]
    widths = {path: int(n) for path, n in numbers.items() if path.startswith("hidden.")}
    if widths:
        shape["hidden"] = [widths[f"hidden.{layer}"] for layer in range(len(widths))]
        where = f"model.{model}.hidden: {shape['hidden']}"
    options = searched.get("hidden")
    for hidden in options.options if isinstance(options, Choices) else [shape.get("hidden")]:
        if hidden is not None:
            shape["hidden"] = tuple(hidden) if isinstance(hidden, list | tuple) else (hidden,)
        yield where, shape


def _top(setting: Setting) -> Any:
    """The largest number of a setting; for choices that are not numbers, the last one."""
    if not isinstance(setting, Choices):
        return setting.high
    numbers = [option for option in setting.options if isinstance(option, int | float)]
    return max(numbers) if numbers else setting.options[-1]
