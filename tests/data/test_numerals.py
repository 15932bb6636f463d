"""Promises of tables by spreadsheets: decimal commas, thousands, blanks, gaps, separators."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.conftest import Command
from tuner.data import DataSet, load
from tuner.errors import UserError

ROWS = 60
RANDOM = np.random.default_rng(0)
VALUES = RANDOM.choice(np.arange(0, 5, 0.5), ROWS)  # few, so that words would pass
MANY = RANDOM.integers(1000, 9_999_999, ROWS)
KINDS = np.array(["hi", "lo"])[(VALUES > 2).astype(int)]

Write = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Writes a table of columns of texts, by name."""

    def write(separator: str = ";", name: str = "made.csv", **columns: Any) -> Path:
        lines = [separator.join(columns)]
        lines += [separator.join(row) for row in zip(*columns.values(), strict=True)]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def loaded(path: Path, separator: str | None = ";", target: str = "y", **more: Any) -> DataSet:
    return load(
        "made",
        reader="table",
        path=str(path),
        separator=separator,
        target=target,
        **{"seed": 0, "dtype": "float64", "scale": "none", **more},
    )


def written(values: Any, decimal: str = ".", thousands: str = "", digits: int = 1) -> list[str]:
    """Numbers as texts with those marks."""
    swap = {",": thousands, ".": decimal}
    return ["".join(swap.get(c, c) for c in f"{value:,.{digits}f}") for value in values]


@pytest.mark.parametrize("gap", ["", "NA"])
def test_decimal_commas_are_found_and_said(table: Write, gap: str) -> None:
    texts = [gap, *written(VALUES, ",")[1:]]
    data = loaded(table(x=texts, y=KINDS))
    column = data.source.rows["x"].to_numpy(dtype=float)
    np.testing.assert_array_equal(column[1:], VALUES[1:])
    assert np.isnan(column[0])
    assert data.notes == ("the numbers of column x are written as 1234,5",)


def test_a_target_with_decimal_commas_is_for_regression(table: Write) -> None:
    data = loaded(table(x=written(MANY, digits=0), y=written(VALUES, ",")))
    assert data.task == "regression"
    np.testing.assert_array_equal(data.target.values[:, 0], VALUES)


@pytest.mark.parametrize("thousands", [".", ",", " ", "'", "\u2019", "\u00a0", "\u202f"])
def test_thousands_are_found_and_said(table: Write, thousands: str) -> None:
    decimal = "," if thousands == "." else "."
    both = written(MANY + VALUES, decimal, thousands)
    data = loaded(table(x=both, z=written(MANY, decimal, thousands, 0), y=KINDS))
    np.testing.assert_allclose(data.source.rows["x"], MANY + VALUES)
    np.testing.assert_array_equal(data.source.rows["z"], MANY)
    assert data.notes == (f"the numbers of columns x, z are written as 1{thousands}234{decimal}5",)


def test_what_looks_like_a_fraction_is_thousands_where_others_have_commas(table: Write) -> None:
    small = written(MANY % 900_000 + 1000, ",", ".", 0)
    data = loaded(table(x=written(VALUES, ","), z=small, y=KINDS))
    np.testing.assert_array_equal(data.source.rows["z"], MANY % 900_000 + 1000)


def test_a_number_that_may_be_two_is_refused_until_it_is_said(table: Write) -> None:
    small = MANY % 900_000 + 1000
    path = table(x=written(small, ".", ",", 0), y=KINDS)
    with pytest.raises(UserError, match=r"^data\.decimal: column x holds .*, which may be"):
        loaded(path)
    for settings in ({"decimal": "."}, {"thousands": ","}):
        np.testing.assert_array_equal(loaded(path, **settings).source.rows["x"], small)
    for settings in ({"decimal": ","}, {"thousands": ""}):
        np.testing.assert_allclose(loaded(path, **settings).source.rows["x"], small / 1000)
    words = loaded(path, decimal=".", thousands="").source.rows["x"]
    assert set(words) == set(written(small, ".", ",", 0))


def test_columns_that_disagree_are_refused(table: Write) -> None:
    path = table(x=written(VALUES, ","), z=written(VALUES + 0.25, digits=4), y=KINDS)
    with pytest.raises(UserError, match=r"^data\.decimal: column z holds .* and column x .*alike"):
        loaded(path)
    with pytest.raises(UserError, match=r"^data\.decimal: ,: column z holds"):
        loaded(path, decimal=",")
    assert loaded(path, decimal=".").source.rows["x"].dtype.kind not in "iuf"


@pytest.mark.parametrize("words", [["a,b", "c,d"], ["1,2 m", "3,4 m"], ["12.05.2020", "x"]])
def test_words_stay_words(table: Write, words: list[str]) -> None:
    data = loaded(table(x=np.resize(words, ROWS), z=written(VALUES), y=KINDS))
    assert data.notes == ()
    assert set(data.source.rows["x"]) == set(words)


def test_plain_numbers_are_read_as_ever(table: Write) -> None:
    data = loaded(table(x=written(VALUES), z=["1e-3"] * ROWS, y=KINDS))
    np.testing.assert_array_equal(data.source.rows["x"], VALUES)
    np.testing.assert_array_equal(data.source.rows["z"], 1e-3)
    assert data.notes == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decimal": ";"}, r"data\.decimal: ';': must be one of '\.' ','"),
        ({"thousands": "_"}, r"data\.thousands: '_': must be one of"),
        ({"decimal": ",", "thousands": ","}, r"data\.thousands: ',': is data\.decimal too"),
        ({"separator": "(["}, r"data\.separator: '\(\[': must be one character"),
        ({"separator": ""}, r"data\.separator: '': must be one character"),
        ({"separator": "§"}, r"data\.separator: '§': must be one character"),
        ({"separator": '"'}, r"data\.separator: '\"': must be one character"),
    ],
)
def test_marks_that_cannot_be_are_one_line(table: Write, settings: Any, message: str) -> None:
    with pytest.raises(UserError, match=rf"^{message}") as error:
        loaded(table(x=written(VALUES), y=KINDS), **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("separator", [";", "|", "(", "[", ".", "*", "\\", "^", "$", "+", "\t"])
def test_a_separator_is_taken_as_it_is(table: Write, separator: str) -> None:
    data = loaded(table(separator, x=written(MANY, digits=0), y=KINDS), separator)
    np.testing.assert_array_equal(data.source.rows["x"], MANY)


def test_a_tab_may_be_written_with_a_backslash(table: Write) -> None:
    data = loaded(table("\t", x=written(MANY, digits=0), y=KINDS), r"\t")
    np.testing.assert_array_equal(data.source.rows["x"], MANY)


def test_blanks_around_labels_and_words_are_left_out_and_it_is_said(table: Write) -> None:
    blanks = np.resize([" ", ""], ROWS)
    words = [f"{blank}{kind}" for blank, kind in zip(blanks, KINDS, strict=True)]
    labels = [f"{kind}{blank * 2}" for blank, kind in zip(blanks, KINDS, strict=True)]
    data = loaded(table(x=words, z=written(VALUES), y=labels))
    assert data.classes is not None
    assert data.classes.tolist() == ["hi", "lo"]
    assert set(data.source.rows["x"]) == {"hi", "lo"}
    assert data.notes == ("spaces around the texts of columns x, y are left out",)


def test_blanks_around_labels_of_arrays_are_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", VALUES[:, None])
    np.save(tmp_path / "y.npy", np.array([f"{kind} " for kind in KINDS]))
    data = load(
        "made", reader="arrays", path=str(tmp_path / "X.npy"), target=str(tmp_path / "y.npy"),
        seed=0, dtype="float64",
    )  # fmt: skip
    assert data.classes is not None
    assert data.classes.tolist() == ["hi", "lo"]
    assert data.notes == ("blanks around the labels are left out",)


@pytest.mark.parametrize("label", ["None", "NA", "null"])
def test_a_text_that_stands_for_no_value_may_be_a_class(table: Write, label: str) -> None:
    labels = np.where(KINDS == "hi", label, KINDS)
    path = table(x=["-999", "", *written(VALUES)[2:]], y=labels)
    with pytest.raises(
        UserError,
        match=rf"^data\.target: y: holds '{label}' in row \d+ .*give data\.missing=\[\]; if not",
    ):
        loaded(path)
    for missing, gaps in (([], 1), (["-999"], 2), ("-999", 2), ([-999], 2)):
        data = loaded(path, missing=missing)
        assert data.classes is not None
        assert data.classes.tolist() == sorted([label, "lo"])
        assert data.source.rows["x"].isna().sum() == gaps


@pytest.mark.parametrize("more", [{}, {"class_weight": "balanced"}, {"folds": 3}])
def test_a_class_whose_every_row_weighs_nothing_is_refused(table: Write, more: Any) -> None:
    weights = np.where(KINDS == "hi", "0", "1.5")
    path = table(x=written(VALUES), w=weights, y=KINDS)
    with pytest.raises(UserError, match=r"all sample weights of class hi are 0"):
        loaded(path, sample_weight="w", **more)


def test_the_command_reads_decimal_commas_and_says_so(table: Write, tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns")
    path = table(x=written(VALUES, ","), w=np.where(KINDS == "hi", "0", "1"), y=KINDS)
    settings = ("data=csv", f"data.path={path}", "data.target=y", "model=softmax")
    small = ("budget.trials=2", "confirm.top=0", 'data.separator=";"', "data.features=[x]")
    told = command.call(*settings, *small)
    assert told.code == 0, told.err
    assert "Data: the numbers of column x are written as 1234,5." in told.out.splitlines()
    other = ("study.name=other", *settings, *small)
    refused = {
        ("data.separator=;",): """quote the value for Hydra: 'data.separator=";"'""",
        ("data.separator=",): "data.separator: '': must be one character",
        ("data.separator='(['",): "data.separator: '([': must be one character",
        ("data.sample_weight=w",): "all sample weights of class hi are 0",
        ("data.decimal=;",): """quote the value for Hydra: 'data.decimal=";"'""",
        ("data.missing=[hi]",): "every row is of class lo",
    }
    for changed, message in refused.items():
        keys = {setting.partition("=")[0] for setting in changed}
        kept = [setting for setting in other if setting.partition("=")[0] not in keys]
        ended = command.call(*kept, *changed)
        assert (ended.code, ended.out) == (2, ""), changed
        assert message in ended.err
        assert ended.err.count("\n") == 1
    assert not command.folder("other").exists()
