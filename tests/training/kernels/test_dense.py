"""Promises of dense products: made in pieces or at once, they are those of linear algebra."""

import numpy as np
import pytest

from tuner.training.kernels import dense

# Samples, features, units: small, narrow ones in pieces that come out even or do not, and wide.
SHAPES = [(5, 3, 2), (128, 784, 10), (250, 784, 10), (131, 784, 64), (64, 300, 200), (1, 784, 9)]


@pytest.mark.parametrize(("samples", "features", "units"), SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_products_are_those_of_linear_algebra(
    samples: int, features: int, units: int, dtype: type, tolerance: float
) -> None:
    rng = np.random.default_rng(0)
    X, d = rng.random((samples, features)).astype(dtype), rng.random((samples, units)).astype(dtype)
    W = rng.random((features, units)).astype(dtype)
    scores, gradient = np.full((samples, units), np.nan, dtype), np.full_like(W, np.nan)
    dense.times(X, W, scores)
    dense.transposed_times(X, d, gradient)
    below = np.full_like(X, np.nan)
    dense.times(d, W.T, below)
    np.testing.assert_allclose(scores, X.astype(float) @ W, rtol=tolerance)
    np.testing.assert_allclose(gradient, X.T.astype(float) @ d, rtol=tolerance)
    np.testing.assert_allclose(below, d.astype(float) @ W.T, rtol=tolerance)


@pytest.mark.parametrize("numbers", [1, 7840, 50_176, 65_536, 200_704])
@pytest.mark.parametrize("samples", [1, 7, 128, 1000])
def test_pieces_are_small_and_about_even_or_the_whole(samples: int, numbers: int) -> None:
    size = dense.piece(samples, numbers, 8)
    assert size == samples or (8 <= size < samples and size % 8 == 0)
    if size < samples:
        assert size * numbers <= dense.SMALL
        assert -(-samples // size) == -(-samples // (dense.SMALL // numbers // 8 * 8))
