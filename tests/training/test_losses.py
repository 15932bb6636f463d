"""Promises of the losses: value, gradient and score agree with independent formulas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, huber, log_expit, log_softmax
from sklearn.metrics import (
    accuracy_score,
    hinge_loss,
    log_loss,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)

from tests.training.conftest import TASKS, targets
from tuner.training import losses
from tuner.training.losses import Loss
from tuner.training.scores import total_weight

SAMPLES = 40
CASES = [(name, task) for name in losses.names() for task in losses.load(name).tasks]
# A number for each loss that has one, not its default.
OWN = {"label_smoothing": 0.2, "delta": 0.7, "quantile": 0.8}
NONE = np.empty(0)
every_case = pytest.mark.parametrize(("name", "task"), CASES)


def number(loss: Loss) -> float:
    return next((OWN[key] for key in loss.own), 0.0)


def sides(y: np.ndarray, outputs: int) -> np.ndarray:
    """1 for the class and -1 for the others, (samples, outputs)."""
    return 2.0 * (y[:, None] == (np.arange(outputs) if outputs > 1 else 1)) - 1


def smoothed(task: str, y: np.ndarray, outputs: int) -> np.ndarray:
    e = OWN["label_smoothing"]
    if task == "multiclass":
        return (1 - e) * np.eye(outputs)[y] + e / outputs
    return (1 - e) * y.reshape(len(y), -1) + e / 2


def pinball(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    q = OWN["quantile"]
    return np.maximum(q * (y - s), (q - 1) * (y - s))


# The losses (samples, outputs or nothing) by other formulas.
WRITTEN_OUT: dict[str, Callable[[str, np.ndarray, np.ndarray], np.ndarray]] = {
    "cross_entropy": lambda task, s, y: -smoothed(task, y, s.shape[1]) * log_softmax(s, axis=1),
    "logistic": lambda task, s, y: (
        -(
            smoothed(task, y, s.shape[1]) * log_expit(s)
            + (1 - smoothed(task, y, s.shape[1])) * log_expit(-s)
        )
    ),
    "hinge": lambda task, s, y: np.maximum(0, 1 - sides(y, s.shape[1]) * s),
    "squared_hinge": lambda task, s, y: np.maximum(0, 1 - sides(y, s.shape[1]) * s) ** 2,
    "squared_error": lambda task, s, y: (s - y) ** 2 / 2,
    "huber": lambda task, s, y: huber(OWN["delta"], s - y),
    "quantile": lambda task, s, y: pinball(s, y),
    "poisson": lambda task, s, y: np.exp(s) - y * s,
}


def drawn(
    task: str, dtype: Any = np.float64, scale: float = 1.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, targets as a part has them, and weights."""
    rng = np.random.default_rng(2)
    scores = scale * rng.normal(size=(SAMPLES, TASKS[task]))
    y, weights = targets(task, SAMPLES, rng, dtype), rng.gamma(1.0, size=SAMPLES)
    weights[::9] = 0
    return scores.astype(dtype), y, weights.astype(dtype)


def value(loss: Loss, scores: np.ndarray, y: np.ndarray, weights: np.ndarray = NONE) -> float:
    """The loss's total; the scores become the gradient of the mean."""
    weights, columns = weights.astype(scores.dtype), y.reshape(len(y), -1)
    return loss.value(scores, columns, weights, total_weight(weights, columns), number(loss))


def score(loss: Loss, scores: np.ndarray, y: np.ndarray, weights: np.ndarray = NONE) -> float:
    weights, columns, hits = weights.astype(scores.dtype), y.reshape(len(y), -1), 0.0
    for some in (slice(0, 15), slice(15, None)):
        hits += loss.hits(scores[some].copy(), columns[some], weights[some])
    return loss.score(np.array([hits]), columns, weights)[0]


def test_every_loss_is_written_out_here():
    assert WRITTEN_OUT.keys() == set(losses.names())
    assert {task for _, task in CASES} == set(losses.TASKS)


@every_case
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_value_is_that_of_an_independent_formula(
    name: str, task: str, dtype: Any, tolerance: float, weighted: bool
):
    scores, y, weights = drawn(task, dtype)
    each = WRITTEN_OUT[name](task, scores.astype(np.float64), y).reshape(SAMPLES, -1).sum(axis=1)
    expected = float(weights @ each) if weighted else float(each.sum())
    found = value(losses.load(name), scores.copy(), y, weights if weighted else NONE)
    assert found == pytest.approx(expected, rel=tolerance)


def by_scikit_learn(name: str, scores: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """A weighted mean, of a loss that scikit-learn has as a metric."""
    match name:
        case "cross_entropy":
            p = np.exp(log_softmax(scores, axis=1))
            return log_loss(y, p, sample_weight=w, labels=range(scores.shape[1]))
        case "logistic":
            return log_loss(y, expit(scores[:, 0]), sample_weight=w)
        case "hinge":
            return hinge_loss(2 * y - 1, scores[:, 0], sample_weight=w)
        case "quantile":
            each = mean_pinball_loss(y, scores, alpha=OWN["quantile"], sample_weight=w)
            return scores.shape[1] * each
    # Half the deviance, and what the targets alone determine.
    rest = np.average(y - y * np.log(y), weights=w, axis=0).sum()
    deviances = [
        mean_poisson_deviance(y[:, k], np.exp(scores[:, k]), sample_weight=w)
        for k in range(y.shape[1])
    ]
    return sum(deviances) / 2 + rest


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("cross_entropy", "multiclass"),
        ("logistic", "binary"),
        ("hinge", "binary"),
        ("quantile", "regression"),
        ("poisson", "regression"),
    ],
)
def test_the_mean_is_scikit_learns(name: str, task: str):
    loss, (scores, y, weights) = losses.load(name), drawn(task)
    own = 0.0 if loss.only_in_training else number(loss)
    columns, mass = y.reshape(SAMPLES, -1), weights.sum()
    mean = loss.value(scores.copy(), columns, weights, mass, own) / mass
    assert mean == pytest.approx(by_scikit_learn(name, scores, y, weights), rel=1e-12)


@every_case
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_that_of_an_independent_formula(name: str, task: str, weighted: bool):
    loss, (scores, y, weights) = losses.load(name), drawn(task)
    w = weights if weighted else np.ones(SAMPLES)
    match loss.score.__name__, task:
        case "accuracy", "multiclass":
            expected = accuracy_score(y, scores.argmax(axis=1), sample_weight=w)
        case "accuracy", _:
            right = (scores > 0) if task == "multilabel" else scores[:, 0] > 0
            expected = accuracy_score(y, right, sample_weight=w)
        case "r2", _:
            means = np.exp(scores) if name == "poisson" else scores
            expected = r2_score(y, means, sample_weight=w, multioutput="variance_weighted")
        case _:
            expected = np.average((y <= scores).mean(axis=1), weights=w)
    found = score(loss, scores, y, weights if weighted else NONE)
    assert found == pytest.approx(expected, rel=1e-12)


@every_case
def test_counting_hits_leaves_the_scores_as_they_are(name: str, task: str):
    scores, y, weights = drawn(task)
    before = scores.copy()
    losses.load(name).hits(scores, y.reshape(SAMPLES, -1), weights)
    np.testing.assert_array_equal(scores, before)


@every_case
@pytest.mark.parametrize("weighted", [False, True])
def test_what_replaces_the_scores_is_the_gradient_of_the_mean(name: str, task: str, weighted: bool):
    loss, (scores, y, weights) = losses.load(name), drawn(task)
    weights = weights if weighted else NONE
    direction, step = np.random.default_rng(4).normal(size=scores.shape), 1e-6
    up, down = (value(loss, scores + s * step * direction, y, weights) for s in (1, -1))
    slope = (up - down) / (2 * step) / total_weight(weights, y)
    value(loss, scores, y, weights)
    assert np.sum(scores * direction) == pytest.approx(slope, rel=1e-6)


@every_case
def test_a_weight_of_two_is_a_sample_twice_and_one_of_nought_is_none(name: str, task: str):
    loss, (scores, y, _) = losses.load(name), drawn(task)
    weights = np.tile([2.0, 1.0, 0.0, 1.0], SAMPLES // 4)
    twice = np.repeat(np.arange(SAMPLES), weights.astype(int))
    assert value(loss, scores.copy(), y, weights) == pytest.approx(
        value(loss, scores[twice], y[twice]), rel=1e-12
    )
    assert score(loss, scores, y, weights) == pytest.approx(score(loss, scores[twice], y[twice]))
    own, repeated = scores.copy(), scores[twice]
    value(loss, own, y, weights)
    value(loss, repeated, y[twice])
    summed = np.zeros_like(own)
    np.add.at(summed, twice, repeated)
    np.testing.assert_allclose(own, summed, rtol=1e-12, atol=1e-15)


@every_case
def test_without_any_weight_nothing_is_learnt(name: str, task: str):
    loss, (scores, y, _) = losses.load(name), drawn(task)
    columns = y.reshape(SAMPLES, -1)
    assert loss.value(scores, columns, np.zeros(SAMPLES), float(SAMPLES), number(loss)) == 0.0
    assert not scores.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "task"), [c for c in CASES if c[0] != "poisson"])
def test_extreme_scores_do_not_overflow(name: str, task: str, dtype: Any):
    y = drawn(task, dtype)[1]
    scores = np.full((SAMPLES, TASKS[task]), 1e4, dtype)
    scores[::2] = -1e4
    scores[:, 1:] *= -1
    each = WRITTEN_OUT[name](task, scores.astype(np.float64), y)
    total = value(losses.load(name), scores, y)
    assert total == pytest.approx(each.sum(), rel=1e-5)
    assert total > 1e4
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (SAMPLES // 2, -1), (SAMPLES - 1, 0)])
@every_case
def test_a_non_finite_score_reaches_the_loss(
    name: str, task: str, place: tuple[int, int], bad: float, dtype: Any
):
    scores, y, _ = drawn(task, dtype)
    if task != "regression":
        y[:] = 0  # for its own class an infinite score may be the perfect one
    if task == "multiclass":
        y[:] = 1
    scores[place] = bad
    assert not np.isfinite(value(losses.load(name), scores, y))


# The best scores there are, and what they cost.
PERFECT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "binary": lambda y: np.where(y == 1, 50.0, -50.0)[:, None],
    "multiclass": lambda y: 200.0 * np.eye(TASKS["multiclass"])[y] - 100.0,
    "multilabel": lambda y: np.where(y == 1, 50.0, -50.0),
    "regression": lambda y: y.copy(),
}


@every_case
def test_perfect_scores_cost_nothing_but_what_labels_are_smoothed_by(name: str, task: str):
    loss, y = losses.load(name), drawn(task)[1]
    best = np.log(y) if name == "poisson" else PERFECT[task](y)
    assert score(loss, best, y) == pytest.approx(1.0)
    cost = loss.value(best.copy(), y.reshape(SAMPLES, -1), NONE, 1.0, 0.0)
    rest = np.sum(y - y * np.log(y)) if name == "poisson" else 0.0
    assert cost == pytest.approx(rest, abs=1e-12)


def test_a_quantile_that_covers_its_share_has_no_slope():
    """Of ten targets eight lie below the score: the pull of the others makes up for theirs."""
    loss, y = losses.load("quantile"), np.arange(10.0)[:, None]
    scores = np.full((10, 1), 7.5)
    value(loss, scores, y)
    assert scores.sum() == pytest.approx(0.0, abs=1e-15)


def test_huber_is_the_squared_error_below_delta_and_the_distance_far_above():
    loss, y = losses.load("huber"), np.zeros((1, 1))
    for error in (0.1, -0.69):
        assert value(loss, np.array([[error]]), y) == pytest.approx(error**2 / 2)
    for error in (1e6, -1e6):
        slope = np.array([[error]])
        assert value(loss, slope, y) == pytest.approx(0.7 * 1e6, rel=1e-6)
        assert slope[0, 0] == 0.7 * np.sign(error)


def test_a_loss_tells_the_tasks_that_it_is_for():
    for name in losses.names():
        loss = losses.load(name)
        for task in losses.TASKS:
            if task in loss.tasks:
                assert name in losses.fitting(task)
                assert loss.outputs(task, 3) == (1 if task == "binary" else 3)
            else:
                with pytest.raises(ValueError, match=f"{name} is for .*, not for {task}"):
                    loss.outputs(task, 3)
    usual = ["logistic", "cross_entropy", "logistic", "squared_error"]
    assert [losses.fitting(task)[0] for task in losses.TASKS] == usual
    with pytest.raises(KeyError):
        losses.load("accuracy")
