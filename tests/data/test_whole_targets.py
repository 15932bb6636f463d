"""Promises of targets that are whole numbers in a table, which says not what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tuner.data import DataSet, load
from tuner.errors import UserError

ROWS = 300
Read = Callable[..., DataSet]
NOTE = "the target holds {} different whole numbers and is taken for a number to predict"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Loads a table of these targets from a file."""

    def load_it(targets: Any, file: str = "t.csv", **settings: Any) -> DataSet:
        path = tmp_path / file
        frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=len(targets))})
        frame["y"] = targets
        frame.to_csv(path, index=False) if file.endswith("csv") else frame.to_parquet(path)
        own = {"target": "y", "path": str(path), **settings}
        return load("made", reader="table", seed=0, dtype="float32", **own)

    return load_it


def prices(different: int = 31) -> np.ndarray:
    """So many different whole numbers, as prices are."""
    return 1000 + 7 * (np.arange(ROWS) % different)


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_many_different_whole_numbers_are_predicted_as_numbers_and_it_is_said(
    read: Read, file: str
) -> None:
    data = read(prices(), file)
    assert data.task == "regression"
    assert [note for note in data.notes if note.startswith(NOTE.format(31))]
    assert "data.task=multiclass" in data.notes[-1]


@pytest.mark.parametrize(
    "targets",
    [
        prices(30),
        np.arange(ROWS) % 40,  # as encoders number classes
        np.arange(ROWS) % 40 + 1,
        np.arange(ROWS) % 2 * 1_000_000,
    ],
)
def test_few_whole_numbers_and_those_that_count_up_are_classes(
    read: Read, targets: np.ndarray
) -> None:
    data = read(targets)
    assert data.task in ("binary", "multiclass")
    assert not any("different whole numbers" in note for note in data.notes)


def test_numbers_that_skip_one_or_begin_elsewhere_do_not_count_up(read: Read) -> None:
    skips = np.arange(ROWS) % 40
    assert read(np.where(skips == 20, 40, skips)).task == "regression"
    assert read(skips - 1).task == "regression"
    assert read(skips + 1970).task == "regression"


@pytest.mark.parametrize(
    "settings", [{"task": "multiclass"}, {"class_weight": "balanced"}, {"task": "regression"}]
)
def test_who_says_what_the_targets_are_is_not_told(read: Read, settings: dict[str, str]) -> None:
    data = read(prices(), **settings)
    assert data.task == settings.get("task", "multiclass")
    assert not any("different whole numbers" in note for note in data.notes)


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (np.arange(ROWS) % 2, "binary"),
        (np.arange(ROWS) % 5, "multiclass"),
        (prices(), "regression"),
    ],
)
def test_a_gap_among_whole_numbers_changes_no_task(
    read: Read, file: str, targets: np.ndarray, task: str
) -> None:
    holed = targets.astype(float)
    holed[[3, 8]] = np.nan
    data = read(holed, file)
    assert data.task == task
    assert "2 rows without a target (y) are left out" in data.notes
    if data.classes is not None:
        assert data.classes.dtype == np.int64


def test_numbers_with_a_point_stay_numbers_with_a_gap_or_without(read: Read) -> None:
    halves = np.arange(ROWS) % 5 + 0.5
    assert read(halves).task == "regression"
    halves[3] = np.nan
    assert read(halves).task == "regression"


def test_classes_of_few_rows_are_refused_with_the_mend(read: Read) -> None:
    with pytest.raises(UserError, match=r"only 1 rows of class 0; .*give data\.task=regression"):
        read(np.arange(ROWS))
    with pytest.raises(UserError, match=r"data\.task: binary: the targets hold 31 classes"):
        read(prices(), task="binary")
