"""Promises of the losses: value, gradient and score agree with independent formulas."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score

from tests.training.conftest import TASKS, targets
from tuner.training.losses import LOSSES

SAMPLES = 40


def expected_sum(task: str, scores: np.ndarray, y: np.ndarray) -> float:
    """The sum of the losses, by other people's formulas."""
    if task == "regression":
        return 0.5 * mean_squared_error(y, scores) * scores.size
    probabilities = expit(scores[:, 0]) if task == "binary" else softmax(scores, axis=1)
    return log_loss(y, probabilities, labels=range(max(2, scores.shape[1])), normalize=False)


def expected_score(task: str, scores: np.ndarray, y: np.ndarray) -> float:
    if task == "regression":
        return r2_score(y, scores, multioutput="variance_weighted")
    return accuracy_score(y, scores[:, 0] > 0 if task == "binary" else scores.argmax(axis=1))


def drawn(task: str, dtype: type = np.float64, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    scores = scale * rng.normal(size=(SAMPLES, TASKS[task]))
    return scores.astype(dtype), targets(task, SAMPLES, rng, dtype)


def test_every_task_of_these_tests_has_a_loss_and_the_other_way_round():
    assert {"binary", "multiclass", "regression"} == set(LOSSES)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("task", LOSSES)
def test_the_value_is_that_of_an_independent_formula(task: str, dtype: type, tolerance: float):
    scores, y = drawn(task, dtype)
    expected = expected_sum(task, scores.astype(np.float64), y)
    assert LOSSES[task].value(scores.copy(), y) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("task", LOSSES)
def test_the_score_is_that_of_an_independent_formula(task: str):
    scores, y = drawn(task)
    loss = LOSSES[task]
    hits = loss.hits(scores[:15].copy(), y[:15]) + loss.hits(scores[15:].copy(), y[15:])
    measured = loss.score(np.array([hits]), y)
    assert measured == pytest.approx([expected_score(task, scores, y)], rel=1e-12)


@pytest.mark.parametrize("task", LOSSES)
def test_counting_hits_leaves_the_scores_as_they_are(task: str):
    scores, y = drawn(task)
    before = scores.copy()
    LOSSES[task].hits(scores, y)
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("task", LOSSES)
def test_what_replaces_the_scores_is_the_gradient_of_the_mean(task: str):
    scores, y = drawn(task)
    direction = np.random.default_rng(4).normal(size=scores.shape)
    step = 1e-6
    up, down = (LOSSES[task].value(scores + s * step * direction, y) for s in (1, -1))
    slope = (up - down) / (2 * step) / SAMPLES
    LOSSES[task].value(scores, y)
    assert np.sum(scores * direction) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", LOSSES)
def test_extreme_scores_do_not_overflow(task: str, dtype: type):
    scores = np.full((SAMPLES, TASKS[task]), 1e4, dtype)
    scores[::2] = -1e4
    scores[:, 1:] *= -1
    y = drawn(task, dtype)[1]
    expected = expected_sum(task, scores.astype(np.float64), y) if task == "regression" else None
    value = LOSSES[task].value(scores, y)
    assert np.isfinite(value)
    assert np.isfinite(scores).all()
    if expected is not None:
        assert value == pytest.approx(expected, rel=1e-6)
    else:
        assert value > 1e4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0), (SAMPLES // 2, -1), (SAMPLES - 1, 0)])
@pytest.mark.parametrize("task", LOSSES)
def test_a_non_finite_score_reaches_the_loss(
    task: str, place: tuple[int, int], bad: float, dtype: type
):
    scores, y = drawn(task, dtype)
    if task == "binary":
        y[:] = 0  # for the other class an infinite score is the perfect one
    scores[place] = bad
    assert not np.isfinite(LOSSES[task].value(scores, y))


@pytest.mark.parametrize("task", LOSSES)
def test_perfect_scores_cost_nothing(task: str):
    y = drawn(task)[1]
    perfect = {
        "binary": lambda: np.where(y == 1, 50.0, -50.0)[:, None],
        "multiclass": lambda: 100.0 * np.eye(TASKS["multiclass"])[y],
        "regression": lambda: y.copy(),
    }[task]()
    hits = LOSSES[task].hits(perfect, y)
    assert LOSSES[task].score(np.array([hits]), y) == pytest.approx([1.0])
    assert LOSSES[task].value(perfect, y) == pytest.approx(0.0, abs=1e-12)
