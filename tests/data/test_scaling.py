"""Promises of the scaling."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import skew
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from tuner.data import load, reshaping, scaling
from tuner.data.scaling import BLOCK, METHODS, NAMES, RESHAPING

ROWS = 2 * BLOCK + 7
EVERY = pytest.mark.parametrize("method", NAMES)


def fit(rows: np.ndarray, chosen: np.ndarray, method: str) -> Any:
    return (reshaping if method in RESHAPING else scaling).fit(rows, chosen, method)


@pytest.fixture
def rows() -> np.ndarray:
    """Columns of very different sizes, the last one constant."""
    random = np.random.default_rng(0)
    return random.normal(size=(ROWS, 4)) * [1e-3, 1, 1e6, 0] + [0, 5, 1e9, 0.1]


@pytest.fixture
def chosen() -> np.ndarray:
    """Three rows in four, over several blocks."""
    return np.flatnonzero(np.arange(ROWS) % 4)


@pytest.mark.parametrize(
    ("method", "reference"),
    [
        *(("standard", StandardScaler()), ("minmax", MinMaxScaler())),
        *(("maxabs", MaxAbsScaler()), ("robust", RobustScaler())),
    ],
)
def test_it_is_what_scikit_learn_does(
    method: str, reference: StandardScaler, rows: np.ndarray, chosen: np.ndarray
) -> None:
    scaled = fit(rows, chosen, method)(rows, chosen, "float64")
    np.testing.assert_allclose(scaled, reference.fit_transform(rows[chosen]), atol=1e-9)


@EVERY
def test_the_transformer_does_the_same(method: str, rows: np.ndarray, chosen: np.ndarray) -> None:
    scaling = fit(rows, chosen, method)
    expected = scaling(rows, np.arange(ROWS), "float64")
    np.testing.assert_allclose(scaling.transformer().transform(rows), expected, atol=1e-9)


@EVERY
@pytest.mark.parametrize("size", [1e-18, 1.7e18])
def test_the_transformer_does_the_same_for_numbers_of_any_size(method: str, size: float) -> None:
    rows = np.random.default_rng(0).normal(1, 1, size=(50, 2)) * size
    scaling = fit(rows, np.arange(50), method)
    expected = scaling(rows, np.arange(50), "float64")
    np.testing.assert_allclose(scaling.transformer().transform(rows), expected, rtol=1e-9)


def test_the_transformer_does_the_same_for_large_numbers_that_differ_little() -> None:
    rows = 1.7e18 + 1e5 * np.random.default_rng(0).normal(size=(50, 1))
    scaling = fit(rows, np.arange(50), "standard")
    expected = scaling(rows, np.arange(50), "float64")
    np.testing.assert_allclose(scaling.transformer().transform(rows), expected, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_were_not_chosen_do_not_count(
    method: str, rows: np.ndarray, chosen: np.ndarray
) -> None:
    before = fit(rows, chosen, method)
    rows[np.setdiff1d(np.arange(ROWS), chosen)] = 1e12
    after = fit(rows, chosen, method)
    np.testing.assert_array_equal(after.shift, before.shift)
    np.testing.assert_array_equal(after.scale, before.scale)


@pytest.mark.parametrize("method", ["standard", "minmax", *RESHAPING])
def test_a_constant_column_becomes_zero(method: str, rows: np.ndarray, chosen: np.ndarray) -> None:
    scaled = fit(rows, chosen, method)(rows, chosen, "float64")
    np.testing.assert_allclose(scaled[:, 3], 0, atol=1e-12)


def test_large_numbers_keep_their_differences_in_float32(
    rows: np.ndarray, chosen: np.ndarray
) -> None:
    scaling = fit(rows, chosen, "standard")
    narrow, wide = (scaling(rows, chosen, dtype) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(narrow, wide, rtol=1e-6)


def test_bytes_are_not_scaled_in_bytes() -> None:
    images = np.array([[0, 10], [255, 20]], np.uint8)
    scaled = fit(images, np.arange(2), "minmax")(images, np.arange(2), "float32")
    np.testing.assert_array_equal(scaled, [[0, 0], [1, 1]])


SKEWED = {
    "prices": np.random.default_rng(0).lognormal(3, 2, 500),
    "losses": -np.random.default_rng(1).lognormal(3, 2, 500),
    "years": np.random.default_rng(2).integers(2000, 2024, 500).astype(float),
    "mostly 0": np.r_[np.zeros(450), np.random.default_rng(3).lognormal(9, 1, 50)],
    "one spike": np.r_[np.zeros(499), 1e100],
    "hardly differing": 1e9 + np.random.default_rng(4).normal(size=500) * 1e-3,
}


@pytest.mark.parametrize("method", RESHAPING)
@pytest.mark.parametrize("column", SKEWED)
def test_skewed_columns_become_numbers_to_train_on(method: str, column: str) -> None:
    rows = SKEWED[column][:, None]
    made = fit(rows, np.arange(500), method)(rows, np.arange(500), "float32")
    assert np.isfinite(made).all()
    assert 0.2 < made.std() < 10
    if method != "robust":
        assert abs(skew(made[:, 0])) <= max(1.0, abs(skew(rows[:, 0])) + 1e-6)


@pytest.mark.parametrize("method", ["quantile", "power"])
def test_the_skew_of_prices_is_taken_away(method: str) -> None:
    rows = SKEWED["prices"][:, None]
    made = fit(rows, np.arange(500), method)(rows, np.arange(500), "float64")
    assert abs(skew(made[:, 0])) < 1.5 < 8 < skew(rows[:, 0])


def test_a_reshaping_is_fitted_to_the_training_part_alone_and_the_same_each_time() -> None:
    rows = np.random.default_rng(0).lognormal(size=(15_000, 2))  # more than quantiles look at
    chosen = np.arange(14_000)
    for method in RESHAPING:
        before = fit(rows, chosen, method)(rows, chosen, "float64")
        other = rows.copy()
        other[14_000:] = 1e12
        np.testing.assert_array_equal(fit(other, chosen, method)(other, chosen, "float64"), before)


def test_many_rows_are_fitted_by_a_spread_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reshaping, "SAMPLE", 4000)
    rows = np.random.default_rng(0).lognormal(size=(20_000, 2)) * np.arange(1, 20_001)[:, None]
    made = fit(rows, np.arange(20_000), "power")(rows, np.arange(20_000), "float64")
    np.testing.assert_allclose(made.std(axis=0), 1, atol=0.1)


@pytest.mark.parametrize("sparse", [False, True])
def test_by_default_columns_are_scaled_as_their_rows_allow(sparse: bool, tmp_path: Path) -> None:
    rows = np.eye(60, 3)[np.arange(60) % 3] * 5 + 5 * (not sparse)
    np.save(tmp_path / "y.npy", np.arange(60) % 2)
    if sparse:
        from scipy.sparse import save_npz

        save_npz(tmp_path / "X.npz", csr_array(rows))
    else:
        np.save(tmp_path / "X.npy", rows)
    path = str(tmp_path / ("X.npz" if sparse else "X.npy"))
    target = str(tmp_path / "y.npy")
    data = load("made", reader="arrays", path=path, target=target, seed=0, dtype="float32")
    assert data.asked.scale == ("maxabs" if sparse else "standard")
    X: Any = data.final.train.X
    assert (X.values.max() if sparse else X.std()) == pytest.approx(1)
