"""The winner as Python code: tuner's estimator with its settings, fitted to the study's data."""

from collections.abc import Mapping
from typing import Any

from tuner.codec import Settings

# Longer lines of code are broken.
WIDTH = 92


def text(title: str, estimator: Any, data: Settings, whole: bool, targets: str) -> str:
    """Code that loads and prepares the data as the study did, and fits the estimator to them.

    Args:
        title: a sentence on the winner.
        estimator: a public estimator of `tuner.estimators`, with the winner's settings.
        data: the arguments of `tuner.data.load`.
        whole: whether to train on all rows but the test part, with none left for validation.
        targets: the expression for the targets of the loaded data.
    """
    defaults, given = type(estimator)().get_params(deep=False), estimator.get_params(deep=False)
    unusual = {key: value for key, value in given.items() if not _same(value, defaults[key])}
    kind = type(estimator).__name__
    names = {kind, *(type(value).__name__ for value in _flat(unusual) if _is_named(value))}
    rows, measured, own = "rows = data.split.rest", "train_loss", "data.refitted"
    fit = {"X": "train.X", "y": "y[rows]", "sample_weight": "train.weights"}
    if not whole:
        own = "data"
        rows, measured = "rows, held_out = data.split.folds[0]", "validation_loss"
        fit |= {"X_val": "validation.X", "y_val": "y[held_out]"}
        fit |= {"sample_weight_val": "validation.weights"}
    loading = call("data = load", {key: repr(value) for key, value in data.items()})
    making = call(f"estimator = {kind}", {key: _code(value) for key, value in unusual.items()})
    blocks = [
        f'"""{title}"""',
        "from sklearn.pipeline import make_pipeline",
        f"from tuner.data import load\nfrom tuner.estimators import {', '.join(sorted(names))}",
        "# The data as the study read, split and scaled them; others may stand in their place.\n"
        f"{loading}\ntrain, validation = {own}.final\n{rows}\ny = {targets}",
        f"{making}\n{call('estimator.fit', fit)}\n"
        f'print("{measured}", estimator.history_["{measured}"][-1])',
        "# It takes raw rows: the study's scaling comes first.\n"
        f"model = make_pipeline({own}.recipe.rows.transformer(), estimator)",
    ]  # fmt: skip
    return "\n\n".join(blocks) + "\n"


def call(name: str, arguments: Mapping[str, str], *first: str) -> str:
    """A call with these arguments; on several lines if one would be too long."""
    given = [*first, *(f"{key}={value}" for key, value in arguments.items())]
    line = f"{name}({', '.join(given)})"
    if len(line) <= WIDTH:
        return line
    inner = [f"    {own},".replace("\n", "\n    ") for own in given]
    return "\n".join([f"{name}(", *inner, ")"])


def _code(value: Any) -> str:
    """A parameter of an estimator as code."""
    if isinstance(value, list):
        parts = [f"    {_code(own)},".replace("\n", "\n    ") for own in value]
        return "\n".join(["[", *parts, "]"])
    if not _is_named(value):
        return repr(value)
    numbers = {key: repr(number) for key, number in value.settings.items()}
    return call(type(value).__name__, numbers, repr(value.name))


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _is_named(value: Any) -> bool:
    """Whether the value is an Optimizer, a Schedule or a Loss."""
    return hasattr(value, "settings")


def _flat(given: Settings) -> list[Any]:
    """All values, with lists flattened."""
    return [own for v in given.values() for own in (v if isinstance(v, list) else [v])]
