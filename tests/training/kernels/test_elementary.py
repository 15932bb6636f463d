"""Elementary functions are as exact as NumPy's, alone or in the midst of others."""

import numpy as np
import pytest
from numba import njit
from scipy.special import expit
from scipy.stats import norm

from tuner.training.kernels import elementary

FUNCTIONS = {
    elementary.exponential: np.exp,
    elementary.hyperbolic_tangent: np.tanh,
    elementary.sigmoid: expit,
}
SCALES = (1e-300, 1e-12, 1e-3, 0.3, 1.0, 5.0, 50.0, 300.0)


def each(function):
    """The function on an array, in a loop that the compiler may vectorize."""

    @njit
    def loop(x, out):
        for i in range(x.shape[0]):
            out[i] = function(np.float64(x[i]))

    def called(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return called


@pytest.fixture(scope="module", params=FUNCTIONS, ids=lambda function: function.__name__)
def pair(request):
    return each(request.param), FUNCTIONS[request.param]


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=10_000) * scale for scale in SCALES])


def test_float64_is_correct_to_three_units_in_the_last_place(pair, x):
    own, reference = pair
    x = x[abs(x) < 700]
    np.testing.assert_array_max_ulp(own(x), reference(x), maxulp=3)


def test_float32_is_the_nearest_number_almost_always(pair, x):
    own, reference = pair
    x = x[abs(x) < 80].astype(np.float32)
    nearest = reference(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_max_ulp(own(x), nearest, maxulp=1)
    assert (own(x) == nearest).mean() > 0.9999


def test_a_number_does_not_depend_on_its_neighbours(pair, x):
    own, _ = pair
    x = x[::97]
    assert own(x).tobytes() == b"".join(own(x[i : i + 1]).tobytes() for i in range(len(x)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_is_not_finite_or_overflows_ends_as_in_numpy(pair, kind):
    own, reference = pair
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 750.0, -750.0], kind)
    with np.errstate(over="ignore"):
        wanted = reference(x)
    np.testing.assert_array_equal(own(x), wanted)
    np.testing.assert_array_equal(np.signbit(own(x)[1:]), np.signbit(wanted[1:]))


@njit
def normals(x, shares, densities):
    for i in range(x.shape[0]):
        shares[i], densities[i] = elementary.normal(x[i])


def test_the_normal_distribution_is_known_to_twelve_digits_far_into_its_tails(x):
    x = x[abs(x) < 35]
    shares, densities = np.empty((2, len(x)))
    normals(x, shares, densities)
    np.testing.assert_allclose(shares, norm.cdf(x), rtol=1e-12)
    np.testing.assert_allclose(densities, norm.pdf(x), rtol=1e-12)


def test_beyond_its_tails_the_normal_distribution_is_all_or_nothing():
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30])
    shares, densities = np.empty((2, len(x)))
    normals(x, shares, densities)
    np.testing.assert_array_equal(shares, [np.nan, 1, 0, 1, 0])
    np.testing.assert_array_equal(densities, [np.nan, 0, 0, 0, 0])


def test_the_exponentials_of_an_array_take_its_place():
    x = np.linspace(-3, 3, 37, dtype=np.float32)
    wanted = np.exp(x.astype(np.float64)).astype(np.float32)
    elementary.exponentials(x)
    np.testing.assert_array_equal(x, wanted)
