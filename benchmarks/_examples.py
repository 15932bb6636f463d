"""The functions of examples/, called as tuner calls them, by other scripts and for other seeds."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _measure import REPOSITORY

from tuner.function import Function, declared
from tuner.study.calls.factors import Factors
from tuner.study.calls.yields import Log, arguments

SCHEDULE = "cosine"


def declaration(example: str) -> Function:
    """An example's function and what its signature declares."""
    path = REPOSITORY / "examples" / f"{example}.py"
    spec = importlib.util.spec_from_file_location(example, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (name,) = re.findall(r"tuner\.main\((\w+)\)", path.read_text(encoding="utf-8"))
    return declared(getattr(module, name), f"python examples/{example}.py")


def called(
    own: Function, settings: dict[str, Any], epochs: int, seed: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """Trains once with these settings, and yields what the function yields."""
    given = {
        "epochs": epochs, "seed": seed, "fold": 0, "folds": 1,
        "schedule": Factors(SCHEDULE, {}, epochs), "checkpoint": folder, "log": Log(folder),
    }  # fmt: skip
    assert own.call is not None
    asked = {key: given[key] for key in own.asks}
    for metrics in own.call(**arguments(own, settings), **asked):
        yield dict(metrics)
