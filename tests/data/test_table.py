"""Promises of tables: CSV, TSV and Parquet, as raw rows to train on and to predict from."""

import gzip
import lzma
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skops import io

from tuner.data import DataSet, load
from tuner.data.checks import check_source
from tuner.data.columns import fit
from tuner.data.dates import is_date
from tuner.data.kinds import look, settled
from tuner.data.readers import table
from tuner.data.scaling import NAMES
from tuner.data.source import Said, Source
from tuner.errors import UserError
from tuner.estimators.public import own_types

ROWS = 120
NUMBERS, WORDS = ["größe", "count"], ["colour", "flag", "maybe"]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Numbers and words with gaps, a word that is rare, and columns beside them."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "größe": random.normal(170, 10, ROWS).round(2),
            "count": random.integers(0, 9, ROWS),
            "colour": random.choice(["rot", "grün", "blau"], ROWS),
            "flag": random.random(ROWS) < 0.5,
            "maybe": random.choice(np.array([True, False, None], object), ROWS),
            "who": [f"person {i // 4}" for i in range(ROWS)],
            "when": pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d"),
            "weight": random.random(ROWS),
            "price": random.normal(size=ROWS),
            "kind": np.array(["süß", "sauer"])[np.arange(ROWS) % 2],
        }
    )
    frame.loc[::7, "größe"] = np.nan
    frame.loc[::9, "colour"] = None
    frame.loc[5, "colour"] = "gold"
    return frame


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "t.csv.bz2": lambda frame, path: frame.to_csv(path, index=False),
    "t.csv.xz": lambda frame, path: frame.to_csv(path, index=False),
    "t.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "nullable.parquet": lambda frame, path: frame.convert_dtypes().to_parquet(path),
}


@pytest.fixture
def read(tmp_path: Path, frame: pd.DataFrame) -> Callable[..., DataSet]:
    """Loads the frame, or one that was made of it, from a file."""

    def load_it(changed: pd.DataFrame = frame, file: str = "t.csv", **settings: Any) -> DataSet:
        path = tmp_path / file
        WRITERS[file](changed, path)
        asked: dict[str, Any] = {"target": "kind", "features": NUMBERS + WORDS, **settings}
        if asked["features"] is None:
            del asked["features"]
        return load("made", reader="table", path=str(path), seed=0, dtype="float64", **asked)

    return load_it


@pytest.mark.parametrize("file", WRITERS)
def test_every_kind_of_file_gives_the_same_data(read: Callable[..., DataSet], file: str) -> None:
    expected, found = read(), read(file=file)
    assert expected.final.train.X.shape[1] == found.inputs
    np.testing.assert_allclose(found.final.train.X, expected.final.train.X)
    np.testing.assert_array_equal(found.final.train.y, expected.final.train.y)
    assert found.classes is not None
    assert list(found.classes) == ["sauer", "süß"]


def reference() -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("n", numbers, NUMBERS), ("w", words, WORDS)])


def test_it_is_what_scikit_learn_makes_of_the_training_part_alone(
    read: Callable[..., DataSet], tmp_path: Path
) -> None:
    data = read()
    raw = pd.read_csv(tmp_path / "t.csv")
    train, validation = data.split.folds[0]
    expected = reference().fit(raw.iloc[train])
    made = data.folds[0]
    np.testing.assert_allclose(made.train.X, expected.transform(raw.iloc[train]))
    assert made.validation is not None
    np.testing.assert_allclose(made.validation.X, expected.transform(raw.iloc[validation]))
    np.testing.assert_allclose(data.test().X, expected.transform(raw.iloc[data.split.test]))


def test_folds_share_a_layout_and_nothing_else(
    read: Callable[..., DataSet], tmp_path: Path
) -> None:
    data = read(folds=4)
    raw = pd.read_csv(tmp_path / "t.csv")
    widths = set()
    for fold, (train, validation) in zip(data.folds, data.split.folds, strict=True):
        alone = reference().fit(raw.iloc[train])
        expected = alone.transform(raw.iloc[validation])
        assert fold.validation is not None
        found = fold.validation.X
        widths.add(expected.shape[1])
        assert found.shape[1] == data.inputs
        # The columns of words that this training part has not are 0; the rest is in order.
        unknown = ~fold.train.X.any(axis=0)
        np.testing.assert_array_equal(found[:, unknown], 0)
        np.testing.assert_allclose(found[:, ~unknown], expected)
    assert len(widths) == 2  # "gold" is in one row, which is in one validation part


def test_the_saved_preprocessing_takes_raw_rows_with_gaps_and_new_words(
    read: Callable[..., DataSet],
) -> None:
    data = read()
    loaded = io.loads(io.dumps(data.recipe.rows.transformer()), trusted=["numpy.dtype"])
    np.testing.assert_allclose(loaded.transform(data.example), data.final.train.X[:5])
    raw = data.example.copy()
    raw.loc[0, ["größe", "colour", "maybe"]] = np.nan
    raw.loc[1, "colour"] = "lila"
    made = loaded.transform(raw)
    assert np.isfinite(made).all()
    colours = [i for i, name in enumerate(data.recipe.rows.names) if name[0] == "colour"]
    np.testing.assert_array_equal(made[:2, colours].sum(axis=1), [1, 0])


@pytest.mark.parametrize("scale", NAMES)
def test_a_saved_preprocessing_scales_as_the_training_did(
    read: Callable[..., DataSet], scale: str
) -> None:
    data = read(scale=scale)
    loaded = io.loads(io.dumps(data.recipe.rows.transformer()), trusted=own_types())
    np.testing.assert_allclose(loaded.transform(data.example), data.final.train.X[:5])


@pytest.mark.parametrize("scale", ["minmax", "maxabs", "none"])
def test_other_scalings_are_for_numbers(read: Callable[..., DataSet], scale: str) -> None:
    X = read(scale=scale).final.train.X
    if scale == "none":
        assert X[:, 0].max() > 150
    else:
        assert np.abs(X).max() == pytest.approx(1)


def test_columns_that_say_something_else_are_no_inputs(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.drop(columns=["when"])
    data = read(changed, features=None, sample_weight="weight", group="who", target="price")
    assert list(data.source.rows.columns) == [*NUMBERS, *WORDS, "kind"]


def test_several_targets_are_taken_out(read: Callable[..., DataSet]) -> None:
    data = read(target=["price", "weight"])
    assert (data.task, data.outputs) == ("regression", 2)


def test_weights_and_groups_are_those_of_the_file(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    data = read(sample_weight="weight", group="who")
    train, validation = data.split.folds[0]
    np.testing.assert_allclose(data.folds[0].train.weights, frame["weight"][train])
    people = [set(frame["who"][rows]) for rows in (train, validation, data.split.test)]
    assert sum(map(len, people)) == len(set.union(*people))


@pytest.mark.parametrize("file", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("kind", ["text", "number", "date"])
def test_time_may_be_text_a_number_or_a_date(
    read: Callable[..., DataSet], frame: pd.DataFrame, file: str, kind: str
) -> None:
    shuffled = np.random.default_rng(1).permutation(ROWS)
    changed = frame.iloc[shuffled].reset_index(drop=True)
    if kind == "number":
        changed["when"] = shuffled * 1.5
    elif kind == "date":
        changed["when"] = pd.to_datetime(changed["when"])
    data = read(changed, file=file, time="when")
    (train, validation), test = data.split.folds[0], data.split.test
    assert shuffled[train].max() < shuffled[validation].min()
    assert shuffled[validation].max() < shuffled[test].min()


def test_constant_and_empty_columns_are_zero_or_one(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    changed = frame.assign(constant=3.5, empty=np.nan, word="same")
    data = read(changed, features=["constant", "empty", "word"])
    np.testing.assert_array_equal(data.final.train.X, np.tile([0.0, 0.0, 1.0], (72, 1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "knd"}, r"data\.target: knd: did you mean kind\? there is no such column; the"),
        ({"target": []}, r"data\.target: \[\]: must name a column"),
        ({"target": ["kind", "kind"]}, r"data\.target: kind: must not be named twice"),
        ({"features": ["kind"]}, r"data\.features: kind: is the target; leave it out"),
        ({"features": ["nope"]}, r"data\.features: nope: there is no such column"),
        ({"sample_weight": "nope"}, r"data\.sample_weight: nope: there is no such column"),
        ({"sample_weight": "who"}, r"data\.path: .*: the sample weights hold .* must be numbers"),
        ({"group": "nope"}, r"data\.group: nope: there is no such column"),
        ({"time": "nope"}, r"data\.time: nope: there is no such column"),
        ({"time": "who"}, r"data\.time: who: must be a column of numbers, or of dates"),
        ({"time": "größe"}, r"data\.time: größe: has no time in row 0"),
        (
            {"features": "when", "dates": "refuse"},
            r"data\.path: .*column when holds dates; give it",
        ),
        (
            {"features": "when", "dates": "days"},
            r"data\.dates: 'days': must be one of parts, refus",
        ),
        ({"features": None, "exclude": "nope"}, r"data\.exclude: nope: there is no such column"),
        ({"exclude": "kind"}, r"data\.exclude: kind: is the target"),
        ({"exclude": "flag"}, r"data\.exclude: flag: is in data\.features too"),
        ({"categorical": "kind"}, r"data\.categorical: kind: is not an input column"),
        ({"numeric": "colr"}, r"data\.numeric: colr: did you mean colour\? is not an input column"),
        (
            {"categorical": "count", "ordinal": {"count": [1]}},
            r"data\.ordinal: count: is in data\.c",
        ),
        (
            {"numeric": ["colour"]},
            r"data\.numeric: colour: holds '\w+' and no number; leave it out",
        ),
        ({"ordinal": {"count": [3, 1]}}, r"data\.ordinal: count: .* must ascend, each once"),
        (
            {"ordinal": {"count": ["a", "b"]}},
            r"data\.ordinal: count: 'a': the column holds numbers",
        ),
        ({"ordinal": {"colour": []}}, r"data\.ordinal: colour: \[\]: must name two levels"),
        ({"ordinal": {"colour": ["rot", "rot"]}}, r"data\.ordinal: colour: .* must name each once"),
        ({"ordinal": {"colour": ["rot", "gold"]}}, r"data\.ordinal: colour: .*holds \w+, \w+ too;"),
        ({"ordinal": {"flag": [0, 1]}}, r"data\.ordinal: flag: .* must be \[false, true\]"),
        ({"group": "who", "folds": 40}, r"data\.folds: 40: there are 30 groups; must be 41 at"),
        ({"time": "flag", "folds": 3}, r"data\.time: holds 2 times; must hold 5 at least"),
        ({"target": "price", "folds": 100}, r"data\.folds: 100: only 96 rows are left"),
    ],
)
def test_a_wrong_column_is_one_line(
    read: Callable[..., DataSet], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}") as error:
        read(**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([np.inf] * ROWS, "holds inf in row 0"),
        ([1j] * ROWS, "holds complex values"),
        ([b"x"] * ROWS, "holds bytes values"),
        ([1, "x"] * (ROWS // 2), "holds mixed-integer values"),
        (
            ["22.11.2026"] * (ROWS - 1) + ["soon"],
            "holds 'soon', which is not a date; if it is a missing value",
        ),
        (["22.11.2026"] * (ROWS - 1) + ["31.2.2026"], "holds '31.2.2026', which is not a date"),
        ([time(10, i % 60) for i in range(ROWS)], "holds times of day; turn it into numbers"),
        (pd.timedelta_range("1 day", periods=ROWS), "holds durations; turn it into numbers"),
    ],
)
def test_a_column_that_cannot_be_an_input_is_one_line_with_a_mend(
    frame: pd.DataFrame, column: Any, message: str
) -> None:
    rows = frame[NUMBERS].assign(odd=column)
    with pytest.raises(UserError, match=rf"^data\.path: t: column odd {message}") as error:
        check_source(settled(Source("data.path: t", rows, np.zeros(ROWS))))
    assert "\n" not in str(error.value)


def test_words_with_a_dash_or_a_number_are_no_dates() -> None:
    for words in (["2020", "2021"], ["a-1", "b-2"], ["1-2", "3-4"], ["", "x"]):
        assert not is_date(pd.Series(words))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty, 0 bytes"),
        ("empty.csv.gz", b"", "is empty, 0 bytes"),
        ("hollow.csv.gz", gzip.compress(b"", mtime=0), "cannot be read"),
        ("blank.csv", b"\n\n", "cannot be read"),
        ("header.csv", b"x,kind\n", "holds no row, only the names of 2 columns"),
        ("twice.csv", b"x,x,kind\n1,2,a\n", "two columns are named x"),
        ("nameless.csv", b",x,kind\n0,1,a\n0,2,b\n", "column 0 .* has no name.*'data.exclude=\\["),
        ("long.csv", b"x,kind\n1,a,3\n1,b,4\n", "cannot be read"),
        ("late.csv", b"x,kind\n1,a\n1,b,4\n", "cannot be read"),
        ("quote.csv", b'x,kind\n1,"a\n', "cannot be read"),
        ("latin.csv", "x,kind\n1,süß\n".encode("latin-1"), "cannot be read"),
        ("wide.csv", "x,kind\n1,a\n".encode("utf-16"), "cannot be read"),
        ("not.csv.gz", b"x,kind\n1,a\n", "cannot be read"),
        ("not.csv.xz", b"x,kind\n1,a\n", "cannot be read"),
        ("cut.csv.xz", lzma.compress(b"x,kind\n1,a\n" * 99)[:-9], "cannot be read"),
        ("t.csv.zst", b"x,kind\n1,a\n", "must be a table"),
        ("cut.csv.gz", gzip.compress(b"x,kind\n1,a\n" * 99, mtime=0)[:-9], "cannot be read"),
        ("not.parquet", b"x,kind\n1,a\n", "cannot be read"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe", "cannot be read"),
        ("table.xlsx", b"PK", "must be a table"),
        ("table.pkl", b"x", "must be a table"),
        ("semicolon.csv", b"x;kind\n1;a\n", "there is no such column.*data.separator"),
        ("alone.csv", b"kind\na\nb\n", "leaves no column to predict kind from"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^data\.(path|target): .*{message}") as error:
        load("made", reader="table", path=str(path), target="kind", seed=0, dtype="float32")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^data\.path: .*nowhere\.csv: is not there"):
        table.read(str(tmp_path / "nowhere.csv"), "x")
    with pytest.raises(UserError, match=r"^data\.path: .*: is a folder"):
        table.read(str(tmp_path), "x")


@pytest.mark.parametrize("file", ["t.csv", "t.csv.gz", "t.parquet"])
def test_a_file_too_large_is_refused_before_it_is_read(
    read: Callable[..., DataSet], monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 5000)
    with pytest.raises(UserError, match=r"^data\.path: .*: needs .* of memory, more than half"):
        read(file=file)


def test_a_mark_at_the_start_and_another_separator_are_read(tmp_path: Path) -> None:
    path = tmp_path / "from_a_spreadsheet.csv"
    path.write_text("größe;kind\n1;a\n2;b\n", encoding="utf-8-sig")
    source = table.read(str(path), "kind", separator=";")
    assert list(source.rows.columns) == ["größe"]


def test_names_that_join_alike_stay_apart() -> None:
    frame = pd.DataFrame({"a_b": ["c", "d"] * 3, "a": ["b_c", "x"] * 3})
    columns = fit(frame, np.arange(6), "standard", look("t", frame, Said())[0])
    assert len(set(columns.names)) == columns.inputs == 4


def test_words_too_many_for_the_memory_are_refused_before_they_are_columns(
    read: Callable[..., DataSet], frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 100_000)
    changed = frame.assign(word=[f"w{i // 2}" for i in range(ROWS)])
    read(changed, features=["größe"])
    with pytest.raises(UserError, match=r"needs 58\.6 kB of memory, .*column word makes 61"):
        read(changed, features=["word"])
