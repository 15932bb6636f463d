"""Promises of transforms of targets: scikit-learn's formulas, bounded ways back, plain refusals."""

import numpy as np
import pytest
from sklearn.preprocessing import PowerTransformer

from tuner.training.target_transforms import NAMES, fit

EVERY = pytest.mark.parametrize("method", NAMES)


@pytest.fixture
def y() -> np.ndarray:
    """Targets of very different skews and sizes, above -1, (400, 4)."""
    random = np.random.default_rng(0)
    columns = [
        random.lognormal(2, 1.5, 400),
        2000 + random.normal(size=400),
        1e6 - 1e3 * random.lognormal(0, 1, 400),
        np.where(random.random(400) < 0.3, 0.0, random.exponential(5, 400)),
    ]
    return np.stack(columns, axis=1)


@EVERY
def test_every_target_comes_back(method: str, y: np.ndarray) -> None:
    made = fit(method, y[:300])
    for own in (made, made.unbounded):
        np.testing.assert_allclose(own.inverse(made(y[:300])), y[:300], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(made.unbounded.inverse(made(y)), y, rtol=1e-7, atol=1e-7)


def test_a_power_is_that_of_scikit_learn(y: np.ndarray) -> None:
    made, theirs = fit("power", y), PowerTransformer(standardize=False)
    z = (y - made.shift) / made.scale
    np.testing.assert_allclose(theirs.fit_transform(z), made(y), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(theirs.lambdas_, made.power, rtol=1e-6, atol=1e-6)
    t = made(y)
    t = t[:100] + 0.2 * (t[100:200] - t[:100])
    there = theirs.inverse_transform(t) * made.scale + made.shift
    np.testing.assert_allclose(made.inverse(t), there, rtol=1e-8)


def test_what_another_model_predicts_below_any_logarithm_comes_back() -> None:
    made, said = fit("log1p", np.array([[0.0], [5.0]])), np.array([[-1e3], [-1.0], [-0.999], [1e4]])
    np.testing.assert_allclose(made.unbounded.inverse(made(said)), said, rtol=1e-9)


def test_powers_of_any_sign_have_their_inverse() -> None:
    y = np.linspace(-3, 3, 61)[:, None]
    made = fit("power", y).unbounded
    for power in (-2.0, -0.5, 0.0, 1e-9, 0.7, 1.0, 2.0, 3.5):
        object.__setattr__(made, "power", np.array([power]))
        np.testing.assert_allclose(made.inverse(made(y)), y, rtol=1e-6, atol=1e-6)


@EVERY
def test_what_is_predicted_keeps_to_the_range_of_the_training_targets_widened(
    method: str, y: np.ndarray
) -> None:
    made = fit(method, y)
    wild = np.repeat([[-1e30], [-50.0], [0.0], [50.0], [1e30]], 4, axis=1)
    said, width = made.inverse(wild), np.ptp(y, axis=0)
    assert np.isfinite(said).all()
    assert (said >= y.min(axis=0) - width).all()
    assert (said <= y.max(axis=0) + width).all()
    assert method != "log1p" or (said > -1).all()
    assert (np.diff(said, axis=0) >= 0).all()


@EVERY
def test_a_power_takes_skew_away_whatever_the_unit(method: str) -> None:
    from scipy.stats import skew

    y = np.random.default_rng(1).lognormal(3, 1, (500, 1))
    assert abs(skew(fit(method, y)(y)[:, 0])) < 0.3 < skew(y[:, 0])
    if method == "power":
        for moved in (1e-6 * y, 1e9 * y + 5e9):
            np.testing.assert_allclose(fit(method, moved)(moved), fit(method, y)(y), atol=1e-5)


@pytest.mark.parametrize(
    ("method", "values", "said"),
    [
        ("log1p", [0.0, -1.0, 3.0], "takes targets above -1, the data have -1; give power"),
        ("log1p", [5.0, 5.0, 5.0], "the targets are 5 in every training row; leave it out"),
        ("power", [5.0, 5.0, 5.0], "the targets are 5 in every training row; leave it out"),
        ("log1p", [1e20, 1e20 + 1e5, 1e20 + 2e5], "leaves too little between the targets"),
        ("sqrt", [1.0, 2.0], "must be one of log1p, power"),
    ],
)
def test_what_does_not_fit_is_refused(method: str, values: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit(method, np.array(values)[:, None])
