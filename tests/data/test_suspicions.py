"""Promises of suspicions: what may spoil a study is said before it trains, and noise is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.jobs.conftest import Command
from tuner.data import load
from tuner.data.understood import understood

ROWS = 400

Tell = Callable[..., tuple[str, ...]]


@pytest.fixture
def told(tmp_path: Path) -> Tell:
    """The suspicions that a table of a number, a word and more columns gives."""

    def tell(
        more: dict[str, Any] | None = None, target: Any = None, seed: int = 0, **settings: Any
    ) -> tuple[str, ...]:
        random = np.random.default_rng(seed)
        y = random.choice(["p", "q"], ROWS) if target is None else target
        frame = pd.DataFrame(
            {
                "x": random.normal(size=len(y)).round(3),
                "word": random.choice(["a", "b", "c"], len(y)),
                **(more or {}),
                "y": y,
            }
        )
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        asked = {"target": "y", "seed": 0, "dtype": "float32", **settings}
        return understood(load("made", reader="table", path=str(path), **asked)).suspicions

    return tell


def classes(count: int, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(5).integers(0, count, rows)


@pytest.mark.parametrize("settings", [{}, {"folds": 4}, {"group": "lot"}, {"time": "lot"}])
def test_a_table_of_noise_gives_none(told: Tell, settings: dict[str, Any]) -> None:
    assert told({"lot": np.arange(ROWS) // 4 * 1.5}, **settings) == ()


@pytest.mark.parametrize("rows", [60, 400])
def test_chance_tells_no_target(told: Tell, rows: int) -> None:
    """No line in 500 columns of numbers and words, of few rows and of many."""
    random = np.random.default_rng(2)
    for count in (2, 3):
        more: dict[str, Any] = {f"n{i}": random.normal(size=rows).round(2) for i in range(100)}
        more |= {f"i{i}": random.integers(0, 12, rows) for i in range(100)}
        more |= {f"w{i}": random.choice(list("abcdefgh"), rows) for i in range(50)}
        assert told(more, classes(count, rows)) == ()
    assert told(more, random.normal(size=rows)) == ()


TELLING: dict[str, Callable[[np.ndarray], Any]] = {
    "the class as a number": lambda y: y * 10,
    "the class as a word": lambda y: np.array(list("uvwxyz"))[y],
    "several words for a class": lambda y: [f"{c}{i % 3}" for i, c in enumerate(y)],
    "numbers around the class": lambda y: y + np.linspace(-0.4, 0.4, len(y)).round(3),
    "a date where there is one": lambda y: np.where(y == 0, None, "2026-01-05"),
}


@pytest.mark.parametrize("kind", TELLING)
def test_a_column_that_tells_a_class_is_named(told: Tell, kind: str) -> None:
    y = classes(2)
    (line,) = told({"later (day)": TELLING[kind](y)}, y)
    assert line.startswith("column later (day) predicts the target by itself")
    assert line.endswith("""'data.exclude=["later (day)"]'""")


@pytest.mark.parametrize("kind", ["the class as a number", "the class as a word"])
def test_a_column_that_tells_several_classes_is_named(told: Tell, kind: str) -> None:
    y = classes(5)
    (line,) = told({"later": TELLING[kind](y)}, y)
    assert "column later predicts the target" in line


def test_a_column_that_tells_one_of_three_classes_is_none(told: Tell) -> None:
    y = classes(3)
    assert told({"early": (y == 1) * 1}, y) == ()


def test_a_column_that_orders_a_number_to_predict_is_named(told: Tell) -> None:
    y = np.random.default_rng(3).normal(size=ROWS)
    (line,) = told({"log": np.exp(y) * 3, "near": y + 0.1 * np.cos(np.arange(ROWS))}, y)
    assert "column log predicts the target" in line


def test_a_good_predictor_is_not_taken_for_the_target(told: Tell) -> None:
    y = classes(2)
    near = y + np.random.default_rng(4).normal(0, 0.2, ROWS)  # an AUC of 0.9998 in the best case
    worse = np.where(np.arange(ROWS) % 50 == 0, 1 - y, y)
    assert not any("worse" in line for line in told({"near": near.round(3), "worse": worse}, y))


def test_columns_that_count_or_name_rows_are_named(told: Tell) -> None:
    random = np.random.default_rng(6)
    more = {
        "nr": np.arange(ROWS) + 1000,
        "customer_id": random.permutation(10**6)[:ROWS],
        "income": random.permutation(10**6)[:ROWS],
        "year": np.arange(ROWS) // 40 + 1900,
    }
    (line,) = told(more)
    assert line.startswith("columns nr, customer_id have a different value in each row")
    assert line.endswith("data.exclude=[nr,customer_id]")
    (line,) = told({"name": [f"n{i}" for i in range(60)]}, classes(2, 60))
    assert line.startswith("column name has a different value in each row")


def test_words_that_are_mostly_numbers_are_named(told: Tell) -> None:
    values = [f"{i % 40}.5" if i % 20 else "about 3" for i in range(ROWS)]
    (line,) = told({"far": values})
    assert line == (
        "column far is read as categories, but holds numbers except 'about 3': "
        "data.numeric=[far] reads it as numbers, and the rest as missing values"
    )
    assert told({"far": values}, numeric="far") == told({"far": values}, categorical="far") == ()


def test_copies_in_other_parts_are_counted(told: Tell) -> None:
    half = np.random.default_rng(7).normal(size=ROWS // 2)
    y = np.tile(np.arange(ROWS // 2) % 2, 2)
    more = {"x": np.tile(half, 2), "word": "a" * 1}
    (line, _) = told(more, y)
    assert "rows of the validation part and" in line
    assert "are copies of rows to train on, target included" in line
    (other,) = told(more, np.where(np.arange(ROWS) < ROWS // 2, y, 1 - y))
    assert "copies" not in other
    lots = {**more, "lot": np.tile(np.arange(ROWS // 2), 2)}
    assert not any("copies" in line for line in told(lots, y, group="lot"))
    natural = {"x": np.arange(ROWS) % 7, "word": np.resize(["a", "b", "c"], ROWS)}
    assert told(natural, y) == ()


def test_columns_of_one_value_are_named(told: Tell) -> None:
    more = {"same": 3.5, "gaps": None, "word": "w", "some": [None, *[1] * (ROWS - 1)]}
    *_, line = told(more)
    assert line.startswith("columns word, same, gaps hold one value in all rows")


def test_the_command_says_its_suspicions_before_it_trains(tmp_path: Path) -> None:
    y = classes(2)
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=ROWS), "late": y, "y": y})
    frame.to_csv(tmp_path / "t.csv", index=False)
    command = Command(tmp_path / "mlruns")
    settings = ("data=csv", f"data.path={tmp_path / 't.csv'}", "data.target=y", "model=softmax")
    told = command.call(*settings, "budget.trials=2", "confirm.top=0")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    suspicion = "Data: suspicious: column late predicts"
    (place,) = [i for i, line in enumerate(lines) if suspicion in line]
    assert all(line.startswith("Data: ") for line in lines[:place])
