"""Promises of columns by their kinds: left out, words, numbers, levels, and dates as parts."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skops import io

from tuner.composing import compose
from tuner.composing.compose import parse
from tuner.data import DataSet, load
from tuner.data.date_parts import found, numbers
from tuner.data.dates import is_day_first, moments
from tuner.data.understood import understood
from tuner.errors import UserError, setting
from tuner.estimators.public import own_types

ROWS = 240
SIZES = ["S", "M", "L"]
NAMES = [
    "price (EUR)",
    "a, b",
    "[x]",
    "it's",
    'say "so"',
    "ends\\",
    "${y}",
    "null",
    "2020",
    "größe",
]
NAMES += ["x=y", "a b", "", " ", "*", "~", "@", "{a: b}", '\\"', "a\\\\", "-1", "true", "1e5", "#"]


@pytest.fixture
def frame() -> pd.DataFrame:
    """A column of each kind, with gaps in all of them."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "price (EUR)": random.normal(100, 10, ROWS).round(2),
            "zip": random.choice([10115, 20095, 80331], ROWS),
            "size": random.choice(np.array(SIZES, object), ROWS),
            "power": random.choice(np.array(["130", "165.5", "?", "90"], object), ROWS),
            "when": pd.Series(pd.date_range("2024-03-01", periods=ROWS, freq="7h")).astype(str),
            "kind": np.array(["p", "q"])[np.arange(ROWS) % 2],
        }
    )
    frame.loc[::11, ["price (EUR)", "size", "when"]] = None
    return frame


@pytest.fixture
def read(tmp_path: Path, frame: pd.DataFrame) -> Callable[..., DataSet]:
    """Loads the frame, or one that was made of it, from a file."""

    def load_it(changed: pd.DataFrame = frame, file: str = "t.csv", **settings: Any) -> DataSet:
        path = tmp_path / file
        if path.suffix == ".csv":
            changed.to_csv(path, index=False)
        else:
            changed.to_parquet(path)
        asked: dict[str, Any] = {"target": "kind", "seed": 0, "dtype": "float64", **settings}
        return load("made", reader="table", path=str(path), **asked)

    return load_it


def columns_of(data: DataSet, name: str) -> list[int]:
    """The places of what a column becomes."""
    return [i for i, (column, _) in enumerate(data.recipe.rows.names) if column == name]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_typed_as_an_error_shows_it(name: str) -> None:
    import shlex

    for names in (name, [name, "id"]):
        (given,) = shlex.split(setting("data.exclude", names))
        (parsed,) = parse([given])
        # What is interpolated is unescaped as the config is made.
        value = [v.replace("\\$", "$") for v in parsed.value()] if names != name else parsed.value()
        assert value in (names, name.replace("${", "\\${"))


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_columns_are_left_out_by_name(read: Callable[..., DataSet], file: str) -> None:
    data = read(file=file, exclude=["price (EUR)", "when", "power"])
    assert list(data.source.rows.columns) == ["zip", "size"]


def test_a_parquet_column_of_lists_can_be_left_out(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    nested = frame.assign(tags=[["a"]] * ROWS)
    with pytest.raises(UserError, match=r"column tags holds list.*data\.exclude=\[tags\]"):
        read(nested, file="t.parquet")
    assert "tags" not in read(nested, file="t.parquet", exclude="tags").source.rows


@pytest.mark.parametrize("folds", [None, 3])
def test_numbers_that_are_names_become_a_column_each(
    read: Callable[..., DataSet], folds: int | None
) -> None:
    data = read(categorical="zip", folds=folds)
    assert len(columns_of(data, "zip")) == 3
    assert set(data.final.train.X[:, columns_of(data, "zip")].ravel()) == {0, 1}


def test_categorical_numbers_of_a_saved_model_may_have_gaps_and_new_ones(
    read: Callable[..., DataSet],
) -> None:
    data = read(categorical="zip")
    rows = data.example.assign(zip=[10115, 20095.0, None, 99999, 80331])
    made = restored(data).transform(rows)[:, columns_of(data, "zip")]
    assert made.sum(axis=1).tolist() == [1, 1, 0, 0, 1]


def restored(data: DataSet) -> Any:
    """The preprocessing as it comes out of a file, by those types alone that are trusted."""
    written = io.dumps(data.recipe.rows.transformer())
    assert set(io.get_untrusted_types(data=written)) <= set(own_types())
    return io.loads(written, trusted=own_types())


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_levels_are_their_places_and_gaps_the_one_in_the_middle(
    read: Callable[..., DataSet], frame: pd.DataFrame, file: str
) -> None:
    data = read(file=file, ordinal={"size": SIZES}, scale="none")
    train = data.split.folds[0][0]
    places = frame["size"].map({"S": 0, "M": 1, "L": 2}).iloc[train]
    made = data.final.train.X[:, columns_of(data, "size")].ravel()
    np.testing.assert_array_equal(made, places.fillna(places.median()))
    new = restored(data).transform(data.example.assign(size=["S", "XL", None, "L", "M"]))
    middle = places.median()
    np.testing.assert_array_equal(
        new[:, columns_of(data, "size")].ravel(), [0, middle, middle, 2, 1]
    )


def test_levels_may_be_numbers_or_true_and_false(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.assign(grade=np.arange(ROWS) % 3 * 10, flag=np.arange(ROWS) % 5 < 2)
    levels = {"grade": [0, 10, 20], "flag": [False, True]}
    data = read(changed, ordinal=levels, scale="none")
    train = data.split.folds[0][0]
    np.testing.assert_array_equal(
        data.final.train.X[:, columns_of(data, "grade")].ravel(), train % 3
    )
    np.testing.assert_array_equal(
        data.final.train.X[:, columns_of(data, "flag")].ravel(), train % 5 < 2
    )


@pytest.mark.parametrize("text", ["?", "-", "n.a."])
@pytest.mark.parametrize("decimal", [".", ","])
def test_marks_for_gaps_among_numbers_are_gaps_and_it_is_said(
    read: Callable[..., DataSet], frame: pd.DataFrame, text: str, decimal: str
) -> None:
    values = [text if v == "?" else v.replace(".", decimal) for v in frame["power"]]
    data = read(frame[["zip", "kind"]].assign(power=values))
    expected = pd.to_numeric(frame["power"], errors="coerce")
    np.testing.assert_array_equal(data.source.rows["power"], expected)
    rows = int(expected.isna().sum())
    assert (
        f"column power holds numbers, and {text!r} for missing values ({rows} rows)" in data.notes
    )


def test_marks_for_gaps_stay_words_where_that_was_said(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    for settings in ({"categorical": "power"}, {"missing": ["NA"]}):
        data = read(frame[["zip", "power", "kind"]], **settings)
        assert set(data.source.rows["power"]) == {"130", "165.5", "?", "90"}
    signs = frame[["zip", "kind"]].assign(sign=["+", "-"] * (ROWS // 2))
    assert set(read(signs).source.rows["sign"]) == {"+", "-"}


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_texts_that_are_no_numbers_are_gaps_of_a_column_of_numbers(
    read: Callable[..., DataSet], frame: pd.DataFrame, file: str
) -> None:
    values = ["12 km" if i % 9 == 0 else f"1,{i:03}.5" for i in range(ROWS)]
    data = read(frame[["zip", "kind"]].assign(far=values), file=file, numeric=["far"])
    expected = [math.nan if i % 9 == 0 else 1000 + i + 0.5 for i in range(ROWS)]
    np.testing.assert_array_equal(data.source.rows["far"], expected)
    assert "column far holds numbers, and '12 km' for missing values (27 rows)" in data.notes


def test_true_and_false_may_be_numbers(read: Callable[..., DataSet], frame: pd.DataFrame) -> None:
    data = read(frame[["zip", "kind"]].assign(flag=np.arange(ROWS) % 3 == 0), numeric="flag")
    assert columns_of(data, "flag") == [1]
    raw = data.example.assign(flag=[True, False, True, False, True])
    assert np.isfinite(restored(data).transform(raw)).all()


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
def test_rows_without_a_target_are_left_out_and_it_is_said(
    read: Callable[..., DataSet], frame: pd.DataFrame, file: str
) -> None:
    changed = frame.copy()
    changed.loc[[5, 7], "kind"] = None
    changed.loc[5, "zip"] = None
    data = read(changed, file=file, group="zip")
    assert "2 rows without a target (kind) are left out" in data.notes
    assert len(data.target.values) == ROWS - 2
    both = changed.assign(other=np.arange(ROWS) * 1.5, kind=changed["zip"])
    assert len(read(both, file=file, target=["other", "kind"]).target.values) == ROWS - 1
    with pytest.raises(UserError, match=r"no row has a target, kind"):
        read(frame.assign(kind=None), file=file)


def test_an_error_counts_the_rows_as_the_file_does(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.assign(weight=1.0, y=np.arange(ROWS) * 1.5)
    changed.loc[3, "y"] = np.nan
    changed["zip"] = changed["zip"].astype(float)
    changed.loc[9, "zip"] = np.inf
    with pytest.raises(UserError, match=r"column zip holds inf in row 9 "):
        read(changed, target="y")
    for column, value, settings in (
        ("weight", -1, {"sample_weight": "weight"}),
        ("weight", None, {"time": "weight"}),
        ("size", None, {"group": "size"}),
        ("y", 1e200, {}),
    ):
        wrong = frame.fillna({"size": "S"}).assign(weight=1.0, y=np.arange(ROWS) * 1.5)
        wrong.loc[3, "y"] = np.nan
        wrong[column] = wrong[column].astype(object)
        wrong.loc[9, column] = value
        with pytest.raises(UserError, match="row 9 "):
            read(wrong, target="y", **settings)


def test_a_column_without_a_name_that_tells_rows_apart_is_left_out(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    data = read(frame.reset_index().rename(columns={"index": ""}))
    assert list(data.source.rows.columns) == [n for n in frame.columns if n != "kind"]
    assert any("has no name and no value twice" in note for note in data.notes)


def test_words_that_tell_rows_apart_are_left_out_unless_they_are_asked_for(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.assign(name=[f"name {i}" for i in range(ROWS)])
    data = read(changed)
    assert "name" not in data.source.rows
    assert any("data.categorical=[name] would take it" in note for note in data.notes)
    assert len(columns_of(read(changed, categorical=["name"]), "name")) > 100
    texts = read(frame.assign(note=[f"it is the {i}th" for i in range(ROWS)]))
    assert any("data.text=[note] would take it" in note for note in texts.notes)
    with pytest.raises(UserError, match=r"column name has 240 different words.*data\.categorical"):
        read(changed, features=["zip", "name"])
    with pytest.raises(UserError, match="no other column is left"):
        read(changed[["name", "kind"]])


WRITTEN = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "compact": "%Y%m%dT%H%M%S",
    "german": "%d.%m.%Y %H:%M",
    "american": "%m/%d/%Y %I:%M:%S %p",
    "slashes": "%Y/%m/%d %H:%M",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_dates_are_the_same_parts_however_they_are_written(
    read: Callable[..., DataSet], frame: pd.DataFrame, name: str
) -> None:
    dates = pd.Series(pd.date_range("2024-03-01", periods=ROWS, freq="7h"))
    frame = frame.drop(columns="power")  # whose texts a Parquet file means as such
    plain = read(frame.assign(when=dates), file="t.parquet")
    assert len(columns_of(plain, "when")) == 7
    data = read(frame.assign(when=dates.dt.strftime(WRITTEN[name])))
    np.testing.assert_allclose(data.final.train.X, plain.final.train.X)
    np.testing.assert_array_equal(
        restored(data).transform(data.example),
        data.recipe.rows.transformer().transform(data.example),
    )


def test_parts_of_dates_are_what_they_say() -> None:
    texts = ["2024-02-29T18:00", "2024-03-04T06:30", None, "2025-02-28"]
    dates = pd.Series(pd.to_datetime(texts, format="ISO8601"))
    own = found(dates, True)
    assert own["parts"] == ["year", "month", "weekday", "hour", "days", "missing"]
    made = numbers(pd.DataFrame({"when": dates}), {"when": own})
    np.testing.assert_allclose(made[:2, 0], 2024)
    np.testing.assert_allclose(made[0, 1:3], [math.sin(math.pi / 6), math.cos(math.pi / 6)])
    np.testing.assert_allclose(made[1, 3:5], [0, 1])  # a Monday
    np.testing.assert_allclose(made[0, 5:7], [-1, 0], atol=1e-12)  # 18 h are three quarters
    np.testing.assert_allclose(made[:2, 7], [0, 3 + 12.5 / 24])
    np.testing.assert_array_equal(made[:, 8], [0, 0, 1, 0])
    assert np.isnan(made[2, :8]).all()


def test_parts_that_never_change_are_no_columns() -> None:
    days = pd.Series(pd.date_range("2024-03-01", periods=20))
    assert found(days, True)["parts"] == ["weekday", "days"]
    assert found(days[:0], True)["parts"] == ["days"]
    assert found(pd.Series([None, None], dtype=object), True)["parts"] == ["days"]


def test_dates_are_in_utc_whatever_their_zone() -> None:
    berlin = pd.Series(pd.date_range("2024-03-30", periods=9, freq="7h", tz="Europe/Berlin"))
    texts = berlin.map(lambda moment: moment.isoformat())
    pd.testing.assert_series_equal(
        moments(berlin, True), moments(texts, True), check_dtype=False, check_freq=False
    )


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["1.2.2026", "3.4.2026"], True),
        (["1/2/2026", "31/4/2026", "13/4/2026"], None),
        (["1/2/2026", "30/4/2026"], True),
        (["1/2/2026", "4/30/2026"], False),
        (["2026-01-02", "2026-03-04"], True),
    ],
)
def test_what_stands_first_in_a_date_is_found_by_looking(
    texts: list[str], first: bool | None
) -> None:
    if first is None:
        with pytest.raises(UserError, match=r"column d holds '31/4/2026', which is not a date"):
            is_day_first("column d", pd.Series(texts), None)
    else:
        assert is_day_first("column d", pd.Series(texts), None) is first


@pytest.mark.parametrize("texts", [["1/2/2026", "3-4-2026"], ["13/1/2026", "1/13/2026"]])
def test_dates_that_may_be_two_are_refused_until_it_is_said(
    read: Callable[..., DataSet], frame: pd.DataFrame, texts: list[str]
) -> None:
    changed = frame.assign(when=np.resize(texts, ROWS))
    for settings in ({}, {"time": "when"}):
        with pytest.raises(UserError, match=r"^data\.day_first: .*when.* holds '.*'.*=true or"):
            read(changed, **settings)
    if texts[0] == "1/2/2026":
        for first, month in ((True, 2), (False, 1)):
            data = read(changed, day_first=first)
            assert moments(data.source.rows["when"], first).iloc[0].month == month


@pytest.mark.parametrize("settings", [{"folds": 3}, {"time": "when", "folds": 2}, {"group": "zip"}])
def test_folds_of_a_table_of_all_kinds_are_alike_in_shape(
    read: Callable[..., DataSet], frame: pd.DataFrame, settings: dict[str, Any]
) -> None:
    whole = frame.ffill().bfill().assign(other=frame["when"].ffill().bfill())
    more = {} if "group" in settings else {"categorical": "zip"}
    data = read(whole, ordinal={"size": SIZES}, **settings, **more)
    for fold in data.folds:
        assert fold.train.X.shape[1] == data.inputs
        assert np.isfinite(fold.train.X).all()
    assert data.test().X.shape[1] == data.inputs


def test_what_the_columns_are_is_told(read: Callable[..., DataSet]) -> None:
    told = understood(read(ordinal={"size": SIZES}, categorical="zip")).lines()
    kinds = "2 columns of numbers, 1 column of words, 1 column of levels in an order and 1 column"
    assert told[1].endswith(f"; {kinds} of dates.")
    assert (
        "Data: the dates of column when become numbers: year, month, weekday, hour and days."
        in told
    )


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ("data.target=price (EUR)", """'data.target="price (EUR)"'"""),
        ("data.exclude=[a,price (EUR)]", """'data.exclude=[a,"price (EUR)"]'"""),
        ("data.exclude=x=y", """'data.exclude="x=y"'"""),
        (
            "data.target=a, b",
            """give data.target=[a,b]; or 'data.target="a, b"', if it is one name""",
        ),
    ],
)
def test_a_name_that_hydra_cannot_read_is_shown_as_it_is_typed(given: str, mend: str) -> None:
    with pytest.raises(UserError) as error:
        compose(["data=csv", given], None)
    assert str(error.value).endswith(mend)


def test_a_name_with_a_comma_or_a_bracket_is_shown_as_it_is_typed(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.rename(columns={"zip": "a, b"})
    for exclude, shown in ((["a", "b"], '"a, b"'), ("price EUR", '"price (EUR)"')):
        with pytest.raises(UserError) as error:
            read(changed, exclude=exclude)
        assert f"typed 'data.exclude={shown}'" in str(error.value)
