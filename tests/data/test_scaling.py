"""Promises of the scaling."""

import numpy as np
import pytest
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from tuner.data.scaling import BLOCK, METHODS, fit

ROWS = 2 * BLOCK + 7


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
    [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("maxabs", MaxAbsScaler())],
)
def test_it_is_what_scikit_learn_does(
    method: str, reference: StandardScaler, rows: np.ndarray, chosen: np.ndarray
) -> None:
    scaled = fit(rows, chosen, method)(rows, chosen, "float64")
    np.testing.assert_allclose(scaled, reference.fit_transform(rows[chosen]), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_transformer_does_the_same(method: str, rows: np.ndarray, chosen: np.ndarray) -> None:
    scaling = fit(rows, chosen, method)
    expected = scaling(rows, np.arange(ROWS), "float64")
    np.testing.assert_allclose(scaling.transformer().transform(rows), expected, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
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


@pytest.mark.parametrize("method", ["standard", "minmax"])
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
