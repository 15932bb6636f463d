"""Promises of the codec: a result comes back from JSON as it was, and JSON has no infinities."""

import inspect
import json
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

import tuner.study
from tuner.codec import Settings, from_json, to_json
from tuner.discovery import names
from tuner.search.statistics import Interval
from tuner.search.trials import TrialResult

SETTINGS = {"optimizer": "adam", "x": 0.1, "n": 3, "hidden": [8, 4], "end": math.inf}


def kinds() -> Iterator[type]:
    """The frozen dataclasses of every file that holds results."""
    yield TrialResult
    for name in names(tuner.study.__name__):
        if name.endswith(("result", "results")):
            module = import_module(f"tuner.study.{name}")
            for kind in vars(module).values():
                own = inspect.isclass(kind) and kind.__module__ == module.__name__
                if own and is_dataclass(kind):
                    yield kind


KINDS = list(kinds())


def made(hint: Any, filled: bool) -> Any:
    """A value of a type; of several types the first one, or else the last, as None."""
    if hint == Settings:
        return dict(SETTINGS)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return made(inner[0] if filled else inner[-1], filled)
    if origin is Literal:
        return inner[0]
    if origin is tuple and inner[1:] == (Ellipsis,):
        return (made(inner[0], filled),) * 2
    if origin is tuple:
        return tuple(made(kind, filled) for kind in inner)
    if origin is not None and issubclass(dict, origin):
        return {made(inner[0], filled): made(inner[1], filled)}
    if is_dataclass(hint):
        types = get_type_hints(hint, include_extras=True)
        return hint(**{f.name: made(types[f.name], filled) for f in fields(hint) if f.init})
    return {int: 3, float: 1 / 3, str: "text", bool: True, NoneType: None, Any: ["free", 1.5]}[hint]


def back(value: Any) -> Any:
    """The value after it was a line of JSON."""
    return from_json(type(value), json.loads(json.dumps(to_json(value), allow_nan=False)))


def test_there_are_results() -> None:
    assert {"StudyResult", "SavedResult", "Confirmation", "Winner", "TrialResult"} <= {
        kind.__name__ for kind in KINDS
    }


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_result_comes_back_from_json_as_it_was(kind: type, filled: bool) -> None:
    value = made(kind, filled)
    again = back(value)
    assert again == value
    assert type(again) is kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_result_cannot_be_changed(kind: type) -> None:
    value = made(kind, filled=True)
    with pytest.raises(AttributeError):
        setattr(value, fields(kind)[0].name, None)


def test_the_infinities_of_settings_are_null_in_json_and_come_back() -> None:
    trial = made(TrialResult, filled=True)
    plain = to_json(trial)
    assert plain["settings"]["end"] is None
    assert back(trial).settings["end"] == math.inf


def test_the_fields_keep_their_order() -> None:
    trial = made(TrialResult, filled=True)
    assert list(to_json(trial)) == [field.name for field in fields(TrialResult)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "three"}, "number: "),
        ({"state": "LOST"}, "state: "),
        ({"rungs": [[1, "low"]]}, "rungs.0.1: "),
    ],
)
def test_what_is_no_result_is_told_by_its_path_in_a_line(change: dict[str, Any], said: str) -> None:
    plain = to_json(made(TrialResult, filled=True)) | change
    with pytest.raises(ValueError, match=f"^{said}") as caught:
        from_json(TrialResult, plain)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match=r"^low: "):
        from_json(Interval, {"mean": 1.0, "high": 2.0})
