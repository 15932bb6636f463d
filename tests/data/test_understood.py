"""What was understood of the data: a line or two that would show what was misread."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import dump_svmlight_file

from tests.jobs.conftest import Command
from tuner.codec import from_json, to_json
from tuner.composing import compose
from tuner.config import check
from tuner.data import load
from tuner.data.understood import Understood, understood
from tuner.search.untried import count_of
from tuner.study.introduction import introduction


def told(name: str, **settings: Any) -> Understood:
    return understood(load(name, seed=0, dtype="float32", **settings))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Understood]:
    """What is understood of a table of 200 rows: its targets, and settings."""

    def make(targets: Any, features: dict[str, Any] | None = None, **settings: Any) -> Understood:
        own = {"x": np.arange(200) % 7 / 8, **(features or {})}
        columns = targets if isinstance(targets, dict) else {"y": targets}
        frame = pd.DataFrame({**own, **columns})
        frame.to_csv(tmp_path / "table.csv", index=False)
        named = {"path": str(tmp_path / "table.csv"), "target": list(columns)}
        return told("csv", reader="table", **named, **settings)

    return make


def test_a_set_of_classes_is_told_in_two_lines() -> None:
    first, second = told("iris").lines()
    rows = "90 rows for training, 30 for validation, 30 for the test"
    assert first == f"Data: iris, multiclass: {rows}."
    assert second == "Data: 3 classes: 0 (50), 1 (50), 2 (50); 4 columns of numbers."


def test_the_rows_of_all_parts_are_all_rows_in_folds_too() -> None:
    parts, folds = told("wine"), told("wine", folds=3)
    assert parts.training + parts.validation + (parts.test or 0) == 178
    assert folds.training + (folds.test or 0) == 178
    said = f"{folds.training} rows in 3 folds that take turns, {folds.test} for the test"
    assert folds.lines()[0] == f"Data: wine, multiclass: {said}."


def test_of_two_classes_it_is_said_which_is_positive(table: Callable[..., Understood]) -> None:
    clear = table(["yes"] * 50 + ["no"] * 150, {"colour": ["red", "blue"] * 100})
    assert clear.lines()[1] == (
        "Data: 2 classes: no (150), yes (50, positive); 1 column of numbers and 1 column of words."
    )
    assert "positive" not in "".join(table(["fraud"] * 50 + ["legit"] * 150).lines())
    asked = table(["fraud"] * 50 + ["legit"] * 150, positive="fraud")
    assert "fraud (50, positive)" in asked.lines()[1]


def test_of_many_classes_the_first_are_named(table: Callable[..., Understood]) -> None:
    labels = ["a" * 900] * 63 + ["\x1b[2J"] * 60 + [f"class {i % 11}" for i in range(77)]
    (_, line) = table(labels).lines()
    assert len(line) < 250
    assert line.isprintable()
    assert "and 8 more of 7 rows or more" in line
    assert line.startswith("Data: 13 classes: aaa")
    six = table([f"class {i % 6}" for i in range(200)]).lines()[1]
    assert "more" not in six
    assert six.count("class ") == 6


def test_numbers_to_predict_and_labels_are_told(table: Callable[..., Understood]) -> None:
    numbers = table(np.linspace(-1.5, 300, 200)).lines()[1]
    assert numbers == "Data: 1 number to predict, from -1.5 to 300; 1 column of numbers."
    both = {"p": np.linspace(0, 1, 200), "q": np.linspace(5, 9.5, 200)}
    assert "2 numbers to predict, from 0 to 9.5" in table(both).lines()[1]
    labels = {name: [0, 1, 1, 0] * 50 for name in ("p", "q", "r")}
    assert table(labels).lines()[1].startswith("Data: 3 labels; ")


def test_a_split_by_a_column_and_weights_are_told(table: Callable[..., Understood]) -> None:
    columns = {"lot": np.arange(200) // 4, "w": np.ones(200)}
    labels = ["a", "b"] * 100
    grouped = table(labels, columns, group="lot", sample_weight="w").lines()
    assert grouped[0].endswith("for the test, split by group; rows have weights.")
    assert grouped[1].endswith("; 1 column of numbers.")
    days = {"day": pd.date_range("2024-01-01", periods=200)}
    assert table(labels, days, time="day").lines()[0].endswith("for the test, split by time.")


def test_decimals_that_were_found_have_a_line(table: Callable[..., Understood]) -> None:
    said = table(["a", "b"] * 100, {"x": [f"1234,{i % 9 + 1}" for i in range(200)]}).lines()
    assert said[2] == "Data: the numbers of column x are written as 1234,5."


def test_sparse_columns_are_counted_with_what_is_not_0(tmp_path: Path) -> None:
    rows = csr_array(np.eye(40, 7)[np.arange(40) % 7])
    path = tmp_path / "rows.libsvm"
    dump_svmlight_file(rows, np.arange(40) % 2, str(path))
    sparse = told("libsvm", reader="libsvm", path=str(path), scale="maxabs")
    assert sparse.filled == rows.nnz
    assert f"7 sparse columns with {rows.nnz} values that are not 0" in sparse.lines()[1]


def test_what_was_understood_is_kept_as_json() -> None:
    found = told("breast_cancer")
    assert from_json(Understood, to_json(found)) == found


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ((), "quadratic of one number, from 10; its minimum is 0, at 0."),
        (
            ("model.quadratic.dimension=5",),
            "quadratic of 5 numbers, from (10, 10, 10, ...); its minimum is 0, at (0, 0, 0, ...).",
        ),
        (("model=rosenbrock",), "rosenbrock of 2 numbers, from (-1.2, 1); its minimum is 0, at"),
        (("model=himmelblau",), "its minimum is 0, at (3, 2) and 3 other points."),
        (("model=goldstein_price",), "its minimum is 3, at (0, -1)."),
        (("model.quadratic.start={choices: [1, 3]}",), "quadratic of one number, from 1; its"),
    ],
)
def test_a_function_is_told_with_its_minimum(settings: tuple[str, ...], line: str) -> None:
    config = check(compose(["+experiment=quadratic", *settings], None))
    first, *_ = introduction(config, None)
    assert first.startswith("Function: ")
    assert line in first


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["optimizer.adam.lr=0.1"], "1 setting"),
        (
            ["optimizer.adam.lr={choices: [0.1, 0.2, 0.3]}", "batch_size={choices: [8, 16]}"],
            "6 settings",
        ),
        (["optimizer.adam.lr={low: 0.1, high: 0.3}"], ""),
        (
            [
                "optimizer.adam.lr={choices: [0.1, 0.2, 0.3]}",
                "batch_size={choices: [8, 16]}",
                "where=['lr < 0.25']",
            ],
            "4 settings that `where` allows",
        ),
        (
            [
                "optimizer.adam.lr={choices: [0.1, 0.2, 0.3]}",
                "batch_size={low: 1, high: 100000}",
                "where=['lr < 0.25']",
            ],
            "at most 300000 settings that `where` allows",
        ),
    ],
)
def test_the_settings_of_a_finite_space_are_counted(settings: list[str], said: str) -> None:
    fixed = ["optimizer.adam.beta1=0.9", "optimizer.adam.beta2=0.999"]
    assert count_of(check(compose([*fixed, *settings], None)).space) == said


def test_a_study_tells_it_before_it_trains_and_how_many_trials_it_has(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns", {"tracking": "none"})
    settings = ("+experiment=quadratic", "budget.epochs=2")
    for trials in (2, 3):
        first, second, third, *_ = command.call(
            *settings, f"budget.trials={trials}"
        ).out.splitlines()
        assert first.startswith("Function: quadratic of one number")
        assert second == "Space: 6 settings."
        assert (third == "Continuing study quadratic: it has 2 of 3 trials.") == (trials == 3)
    again = command.call(*settings, "budget.trials=3").out.splitlines()
    assert again[0] == "Study quadratic is finished: all 3 trials are done."
    assert not [line for line in again if line.startswith(("Function:", "Space:"))]
    quiet = command.call(*settings, "budget.trials=4", "quiet=true")
    assert (quiet.first, quiet.err) == ("", "")
    assert quiet.out.startswith("Study quadratic: the winner is trial ")
