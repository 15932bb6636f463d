"""Promises of wide columns: words that stay sparse, share a column, are hashed or encoded; text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from skops import io

from tuner.composing import compose
from tuner.config import check
from tuner.data import DataSet, load
from tuner.data.understood import understood
from tuner.errors import UserError
from tuner.estimators import LinearRegressor
from tuner.estimators.public import own_types
from tuner.study.model_memory import check_models

ROWS = 900
TEXTS = ["the red fox runs home", "a blue fox sleeps at home", "red and blue birds fly", "no words"]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Numbers, 400 words of which many are rare, few words, and text with gaps."""
    random = np.random.default_rng(0)
    word = random.integers(0, 400, ROWS)
    frame = pd.DataFrame(
        {
            "size": random.normal(170, 10, ROWS).round(2),
            "town": [f"town {i}" for i in word],
            "colour": random.choice(["red", "green"], ROWS),
            "said": random.choice(TEXTS, ROWS),
            "lot": np.arange(ROWS) // 9,
            "price": random.normal(size=ROWS),
            "kind": np.array(["sweet", "sour", "salt"])[random.integers(0, 3, ROWS)],
        }
    )
    frame.loc[::7, ["size", "said"]] = np.nan
    frame.loc[::11, "town"] = None
    return frame


@pytest.fixture
def read(tmp_path: Path, frame: pd.DataFrame) -> Callable[..., DataSet]:
    """Loads the frame from a CSV; its features are size, town and colour by default."""

    def load_it(**settings: Any) -> DataSet:
        frame.to_csv(tmp_path / "t.csv", index=False)
        asked = {"target": "kind", "features": ["size", "town", "colour"], "reader": "table"}
        asked |= settings
        return load("made", path=str(tmp_path / "t.csv"), seed=0, dtype="float64", **asked)

    return load_it


def dense(X: Any) -> np.ndarray:
    """Rows as an array, whatever they are."""
    if isinstance(X, np.ndarray):
        return X
    shape = (len(X.starts) - 1, X.features)
    return np.asarray(csr_array((X.values, X.columns, X.starts), shape=shape).todense())


def test_wide_words_stay_sparse_and_are_the_same_numbers(
    read: Callable[..., DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse = read(folds=3)
    monkeypatch.setattr("tuner.data.encoding.WIDE", 10_000)
    full = read(folds=3)
    assert isinstance(full.final.train.X, np.ndarray)
    X: Any = sparse.final.train.X
    assert len(X.values) <= 3 * len(sparse.split.rest)  # in proportion to what is not 0
    assert X.columns.dtype == np.int32
    for one, other in zip((sparse.final, *sparse.folds), (full.final, *full.folds), strict=True):
        np.testing.assert_array_equal(dense(one.train.X), other.train.X)
        if one.validation is not None and other.validation is not None:
            np.testing.assert_array_equal(dense(one.validation.X), other.validation.X)
    np.testing.assert_array_equal(dense(sparse.test().X), full.test().X)
    said = understood(sparse).notes[-1]
    assert "column town makes" in said
    assert "are stored sparse" in said


KINDS: dict[str, dict[str, Any]] = {
    "sparse": {},
    "rare": {"min_count": 4},
    "hashed": {"words": {"town": "hash"}, "buckets": 300},
    "hashed all": {"words": "hash", "buckets": 16},
    "target": {"words": {"town": "target"}},
    "target of numbers": {"words": "target", "target": "price"},
    "text": {"text": "said", "features": ["size", "said", "town"]},
    "pairs of words": {"text": ["said"], "features": ["said", "town"], "ngrams": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_preprocessing_makes_the_numbers_of_training_of_raw_rows(
    kind: str, read: Callable[..., DataSet], tmp_path: Path
) -> None:
    data = read(**KINDS[kind])
    fitted = data.recipe.rows.transformer()
    loaded = io.loads(io.dumps(fitted), trusted=own_types())
    train, validation = data.split.folds[0]
    raw = pd.read_csv(tmp_path / "t.csv")[list(data.source.rows.columns)]
    made = loaded.transform(raw.iloc[validation])
    found = data.folds[0].validation
    assert found is not None
    assert issparse(made) != isinstance(found.X, np.ndarray)
    made = made.todense() if issparse(made) else made
    np.testing.assert_allclose(made, dense(found.X), atol=1e-12)
    assert made.shape[1] == data.inputs == dense(data.final.train.X).shape[1]
    gaps = raw.iloc[train[:3]].assign(town=["new", None, "town 1"])
    made = loaded.transform(gaps)
    assert np.isfinite(made.todense() if issparse(made) else made).all()


@pytest.mark.parametrize("kind", KINDS)
def test_folds_of_wide_columns_share_a_layout(kind: str, read: Callable[..., DataSet]) -> None:
    data = read(**KINDS[kind], folds=3)
    for fold in data.folds:
        assert fold.validation is not None
        for X in (fold.train.X, fold.validation.X):
            assert type(X) is type(data.final.train.X)
            assert dense(X).shape[1] == data.inputs


def test_rare_words_share_a_column_with_new_ones(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    data = read(min_count=4)
    train = frame.iloc[data.split.folds[0][0]]
    often = (train["town"].value_counts() >= 4).sum()
    names = [name for column, name in data.recipe.rows.names if column == "town"]
    assert len(names) == often + 2  # and gaps, and the rare ones
    rare = data.recipe.rows.names.index(("town", ("rare",)))
    loaded = data.recipe.rows.transformer()
    new = data.example.assign(town="a new town")
    np.testing.assert_array_equal(np.asarray(loaded.transform(new))[:, rare], 1)


@pytest.mark.parametrize("target", ["kind", "price", "coin"])
def test_words_that_tell_nothing_tell_nothing_of_the_training_rows(
    target: str, read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    random = np.random.default_rng(1)
    frame["town"] = [f"t{i}" for i in random.permutation(ROWS) // 3]  # three rows a word
    frame["coin"] = np.array(["heads", "tails"])[random.integers(0, 2, ROWS)]
    data = read(target=target, features=["town"], words="target")
    X, y = dense(data.final.train.X), data.final.train.y
    y = y.reshape(len(y), -1)[:, 0]
    naive = data.recipe.rows(data.source.rows, data.split.folds[0][0], "float64")
    told = y == 0 if target == "kind" else y
    assert abs(np.corrcoef(dense(naive)[:, 0], told)[0, 1]) > 0.35
    assert np.corrcoef(X[:, 0], told)[0, 1] < 0.12


def test_words_that_tell_of_the_target_do_so_in_rows_that_were_not_seen(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    random = np.random.default_rng(1)
    town = random.integers(0, 60, ROWS)
    frame["town"] = [f"t{i}" for i in town]
    frame["price"] = random.normal(size=60)[town] + random.normal(size=ROWS) / 2
    data = read(target="price", features=["town"], words="target")
    for part in (data.final.train, data.test()):
        assert np.corrcoef(dense(part.X)[:, 0], part.y[:, 0])[0, 1] > 0.7


def test_target_means_hold_out_whole_groups(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    # Each group has a word and a target of its own: of other groups, nothing is known of it.
    frame["town"] = [f"t{lot}" for lot in frame["lot"]]
    frame["price"] = np.random.default_rng(0).normal(size=ROWS // 9)[frame["lot"]]
    grouped = read(target="price", features=["town"], words="target", group="lot")
    alone = read(target="price", features=["town"], words="target")
    found = [
        np.corrcoef(d.final.train.X[:, 0], d.final.train.y[:, 0])[0, 1] for d in (grouped, alone)
    ]
    assert found[0] < 0.1
    assert found[1] > 0.9


def test_a_class_of_one_training_row_is_no_obstacle(
    read: Callable[..., DataSet], frame: pd.DataFrame
) -> None:
    frame.loc[:2, "kind"] = "bitter"  # a row for each part
    data = read(words="target")
    assert np.isfinite(data.final.train.X).all()
    assert data.inputs == 1 + 2 * 4


def test_text_is_tf_idf_of_the_training_part_alone(
    read: Callable[..., DataSet], frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame["said"] = [f"{text} w{i // 3}" for i, text in enumerate(frame["said"].fillna("no"))]
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = load(
        "made", reader="text", path=str(tmp_path / "t.csv"), text="said", target="kind", seed=0,
        dtype="float64",
    )  # fmt: skip
    train, validation = data.split.folds[0]
    expected = TfidfVectorizer(min_df=2, sublinear_tf=True).fit(frame["said"].iloc[train])
    assert data.folds[0].validation is not None
    found = dense(data.folds[0].validation.X)
    np.testing.assert_allclose(found, expected.transform(frame["said"].iloc[validation]).todense())
    assert "1 column of text" in understood(data).lines()[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"words": {"tow": "hash"}}, r"data\.words: tow: did you mean town\?"),
        ({"words": {"size": "hash"}}, r"data\.words: size: .*the data have town, colour"),
        ({"words": "one"}, r"data\.words: 'one': must be one of one_hot, hash, target"),
        ({"features": "size", "words": "hash"}, r"data\.words: hash: .*the data have none"),
        ({"features": "size", "min_count": 2}, r"data\.min_count: 2: .*the data have none"),
        ({"buckets": 8}, r"data\.buckets: 8: needs data\.words=hash"),
        ({"ngrams": 2}, r"data\.ngrams: 2: needs text columns"),
        ({"words": "target", "target": ["price", "lot"]}, r"data\.words: target: needs one"),
        ({"text": "nope"}, r"data\.text: nope: "),
        ({"text": "said", "features": "said", "min_count": 800}, r"data\.text: said: a training"),
    ],
)
def test_what_nothing_is_there_for_is_one_line(
    read: Callable[..., DataSet], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}") as error:
        read(**settings)
    assert "\n" not in str(error.value)


def test_a_refusal_for_memory_names_the_column_that_costs_and_what_would_help(
    read: Callable[..., DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 120_000)
    monkeypatch.setattr("tuner.data.files.check_text", lambda *a, **k: None)
    with pytest.raises(UserError, match=r"column town makes \d+; group .*data\.min_count"):
        read()


def test_a_model_too_large_names_the_column_that_makes_it_so(
    read: Callable[..., DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = check(compose(["data=csv", "data.path=t.csv", "data.target=kind"], None))
    data = read()
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 10_000)
    with pytest.raises(UserError, match=r"fewer columns: town makes \d+ of \d+ \(data\."):
        check_models(config, data)


def test_an_estimator_takes_the_sparse_rows_of_a_data_set(read: Callable[..., DataSet]) -> None:
    data = read(target="price")
    train, validation = data.folds[0]
    assert validation is not None
    estimator = LinearRegressor(max_iter=2, random_state=0)
    estimator.fit(train.X, train.y[:, 0], X_val=validation.X, y_val=validation.y[:, 0])
    model = make_pipeline(data.recipe.rows.transformer(), estimator)
    assert np.isfinite(model.predict(data.example)).all()
