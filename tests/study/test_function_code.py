"""The digest of a function's code changes with what its numbers hang on, and with nothing else."""

import importlib.util
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tuner.study.function_code import digest

SCRIPT = """
import functools

RATE, NAMES = 0.1, ("a", "b")
TRIALS = 40


class Base:
    def width(self):
        return 8


class Net(Base):
    def __init__(self):
        self.rate = RATE

    @property
    def both(self):
        return {"x", "y", "z"} & set(NAMES)


@functools.cache
def build():
    return Net()


def step(loss):
    return 0.5 * loss


def train(lr=0.1, *, epochs):
    net = build()
    for epoch in range(epochs):
        yield {"validation_loss": step(lr)}


def main():
    return TRIALS
"""


def loaded(text: str, folder: Path) -> ModuleType:
    path = folder / "script.py"
    # Python takes compiled code for that of a text of the same length and second.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location("script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def typed(text: str) -> Any:
    """The function of what was typed where no source is kept, as in `python -`."""
    names: dict[str, Any] = {"__name__": "typed"}
    exec(compile(text, "<stdin>", "exec"), names)
    return names["train"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("step(lr)", "2 * step(lr)"),
        ("0.5 * loss", "0.6 * loss"),
        ("RATE, NAMES = 0.1", "RATE, NAMES = 0.2"),
        ('("a", "b")', '("a", "c")'),
        ("return Net()", "return Base()"),
        ("return 8", "return 9"),
        ('"z"}', '"w"}'),
    ],
)
def test_it_changes_with_all_that_the_function_names_of_its_module(
    old: str, new: str, tmp_path: Path
) -> None:
    assert SCRIPT.count(old) == 1
    before = digest(loaded(SCRIPT, tmp_path).train)
    assert digest(loaded(SCRIPT.replace(old, new), tmp_path).train) != before
    assert digest(typed(SCRIPT.replace(old, new))) != digest(typed(SCRIPT))


@pytest.mark.parametrize(("old", "new"), [("TRIALS = 40", "TRIALS = 80"), ("TRIALS\n", "1\n")])
def test_it_stays_where_something_else_of_the_file_changes(
    old: str, new: str, tmp_path: Path
) -> None:
    before = digest(loaded(SCRIPT, tmp_path).train)
    assert digest(loaded(SCRIPT.replace(old, new), tmp_path).train) == before
    assert digest(typed(SCRIPT.replace(old, new))) == digest(typed(SCRIPT))


def test_of_a_function_within_a_function_what_is_around_it_counts() -> None:
    def around(width: int) -> Any:
        def train(*, epochs: int) -> Any:
            yield {"validation_loss": width}

        return train

    assert digest(around(1)) != digest(around(2))
    assert digest(around(1)) == digest(around(1))


# What follows stands in a module that is known, as a script is.
WRITTEN = """
import os

BASE = 2.0
RATE = BASE * float(os.environ.get("SLOWER", "1"))


def step(loss):
    return RATE * loss


def train(lr=0.1, *, epochs=3):
    yield {"validation_loss": step(lr)}
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("", "", False),
        ("lr=0.1", "lr=0.3", False),
        ("    return", "    # why\n    return", False),
        ("BASE = 2.0", "BASE = 3.0", True),
        ('"1"', '"2"', True),
        ("RATE * loss", "RATE + loss", True),
    ],
)
def test_a_value_counts_as_it_is_written_and_not_as_it_came_out(
    old: str, new: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for text, slower in ((WRITTEN, "1"), (WRITTEN.replace(old, new, 1), "5")):
        monkeypatch.setenv("SLOWER", slower)
        module = loaded(text, tmp_path)
        monkeypatch.setitem(sys.modules, "script", module)
        digests.append(digest(module.train))
    assert (digests[0] != digests[1]) is counts
