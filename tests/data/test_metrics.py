"""Promises of the metrics: what scikit-learn gives, from raw scores."""

from inspect import getmembers, isfunction
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as reference

from tuner.data import load as load_data
from tuner.data import scores as short
from tuner.data.metrics import Link, load, names
from tuner.errors import UserError

ROWS = 200
RANDOM = np.random.default_rng(0)
CLASSES = {"binary": np.array(["a", "b"]), "multiclass": np.arange(4)}
MEAN, SCALE = np.array([100.0, -3.0]), np.array([12.0, 0.1])
SHORT = [name for name, _ in getmembers(short, isfunction) if not name.startswith("_")]
TASKS = ["binary", "multiclass", "multilabel", "regression"]


def drawn(task: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and y of that task."""
    width = {"binary": 1, "multiclass": 4, "multilabel": 3, "regression": 2}[task]
    scores = RANDOM.normal(size=(ROWS, width)).round(1)
    if task == "regression":
        return scores, scores + RANDOM.normal(size=scores.shape)
    noisy = scores + RANDOM.normal(size=scores.shape)
    if task == "multiclass":
        return scores, noisy.argmax(axis=1)
    return (scores, (noisy[:, 0] > 0.3).astype(int)) if width == 1 else (scores, 1.0 * (noisy > 0))


def metric(name: str, task: str, loss: str | None = None) -> Any:
    shift, scale = (MEAN, SCALE) if task == "regression" else (None, None)
    return load(name, task, CLASSES.get(task), shift, scale, loss, positive=1)


def expected(name: str, task: str, scores: Any, y: Any, weights: Any) -> float:
    """By scikit-learn's functions, called as its documentation says for that task."""
    if task == "regression":
        function = {
            "r2": reference.r2_score,
            "mae": reference.mean_absolute_error,
            "rmse": reference.root_mean_squared_error,
        }[name]
        return float(function(y * SCALE + MEAN, scores * SCALE + MEAN, sample_weight=weights))
    if task == "binary":
        said, chances, average = scores[:, 0] > 0, expit(scores[:, 0]), "binary"
    elif task == "multiclass":
        said, chances, average = scores.argmax(axis=1), softmax(scores, axis=1), "macro"
    else:
        said, chances, average = scores > 0, expit(scores), "macro"
    if name == "roc_auc":
        more = {"multi_class": "ovr"} if task == "multiclass" else {}
        if task == "multiclass" and weights is not None:  # which scikit-learn takes for ovr, too
            more["average"] = "macro"
        return float(reference.roc_auc_score(y, chances, sample_weight=weights, **more))
    if name == "average_precision":
        return float(reference.average_precision_score(y, chances, sample_weight=weights))
    if name == "f1":
        return float(reference.f1_score(y, said, average=average, sample_weight=weights))
    function = getattr(reference, f"{name}_score")
    return float(function(y, said, sample_weight=weights))


PAIRS = [
    (name, task)
    for task in TASKS
    for name in names(Link(task, MEAN, SCALE, False, True), len(CLASSES.get(task, "1")))
    if name in SHORT
]


def test_every_task_has_its_metrics() -> None:
    for task in TASKS:
        assert len([name for name, own in PAIRS if own == task]) >= 3
    assert {name for name, _ in PAIRS} == set(SHORT)


@pytest.mark.parametrize(("name", "task"), PAIRS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_short_metric_is_what_scikit_learn_gives(name: str, task: str, weighted: bool) -> None:
    scores, y = drawn(task)
    weights = RANDOM.integers(0, 4, ROWS).astype(float) if weighted else None
    found = metric(name, task).function(scores, y, weights)
    assert found == pytest.approx(expected(name, task, scores, y, weights), rel=1e-9)


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_better_scores_are_better_in_its_own_direction(name: str, task: str) -> None:
    scores, y = drawn(task)
    if task == "regression":
        perfect = y
    elif task == "multiclass":
        perfect = 10.0 * (y[:, None] == np.arange(4))
    else:
        perfect = (20.0 * y - 10).reshape(ROWS, -1)
    own = metric(name, task)
    difference = own.function(perfect, y, None) - own.function(scores, y, None)
    assert (difference > 0) == own.greater_is_better


@pytest.mark.parametrize("task", TASKS)
def test_any_scorer_of_scikit_learn_that_fits_gives_a_number(task: str) -> None:
    scores, y = drawn(task)
    width = scores.shape[1]
    shift, scale = np.zeros(width), np.ones(width)
    known = [name for name in names(Link(task, shift, scale), width) if name not in SHORT]
    assert known.pop(0) == "loss"
    assert len(known) > 5
    for name in known:
        found = load(name, task, CLASSES.get(task), shift, scale, positive=1)
        assert found.greater_is_better
        with np.errstate(all="ignore"):
            assert np.isfinite(found.function(np.abs(scores), np.abs(y), None)), name


@pytest.mark.parametrize(
    ("name", "task", "value"),
    [
        ("neg_log_loss", "binary", lambda s, y: -reference.log_loss(y, expit(s[:, 0]))),
        ("neg_log_loss", "multiclass", lambda s, y: -reference.log_loss(y, softmax(s, axis=1))),
        (
            "roc_auc_ovo",
            "multiclass",
            lambda s, y: reference.roc_auc_score(y, softmax(s, axis=1), multi_class="ovo"),
        ),
        (
            "jaccard_samples",
            "multilabel",
            lambda s, y: reference.jaccard_score(y, s > 0, average="samples", zero_division=0),
        ),
        ("precision", "binary", lambda s, y: reference.precision_score(y, s[:, 0] > 0)),
        (
            "neg_median_absolute_error",
            "regression",
            lambda s, y: -reference.median_absolute_error(y * SCALE + MEAN, s * SCALE + MEAN),
        ),
    ],
)
def test_a_scorer_is_called_as_for_an_estimator(name: str, task: str, value: Any) -> None:
    scores, y = drawn(task)
    found = metric(name, task).function(scores, y, None)
    assert found == pytest.approx(float(value(scores, y)), rel=1e-6)


@pytest.mark.parametrize(("name", "task"), [*PAIRS, ("neg_log_loss", "binary")])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_give_nan(name: str, task: str, value: float) -> None:
    scores, y = drawn(task)
    scores[3, 0] = value
    assert np.isnan(metric(name, task).function(scores, y, None))


def test_scores_of_poisson_are_logarithms() -> None:
    scores, y = np.log(np.array([[1.0], [2.0], [4.0]])), np.array([[1.0], [3.0], [4.0]])
    own = load("mae", "regression", None, np.zeros(1), np.ones(1), "poisson")
    assert own.function(scores, y, None) == pytest.approx(1 / 3)
    assert np.isnan(own.function(scores + 1e4, y, None))


def test_distances_from_a_border_are_ranked_but_are_no_probabilities() -> None:
    scores, y = drawn("binary")
    found = metric("roc_auc", "binary", "hinge").function(scores, y, None)
    assert found == pytest.approx(reference.roc_auc_score(y, scores[:, 0]))
    with pytest.raises(UserError, match=r"^metric: neg_log_loss: does not fit a binary task whose"):
        metric("neg_log_loss", "binary", "hinge")


def test_a_class_without_rows_does_not_count() -> None:
    y, scores = np.array([0, 0, 1, 1]), np.eye(3)[[0, 0, 1, 2]]
    assert metric("roc_auc", "multiclass").function(scores, y, None) > 0.7
    assert metric("balanced_accuracy", "multiclass").function(scores, y, None) == 0.75
    assert np.isnan(metric("roc_auc", "binary").function(scores[:, :1], y * 0, None))


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("acuracy", "binary", r"did you mean accuracy.*\? must be one of loss, accuracy"),
        ("accuracy", "regression", r"does not fit a regression task; must be one of loss, mae"),
        ("mae", "multiclass", r"does not fit a multiclass task; must be one of loss, accuracy"),
        ("balanced_accuracy", "multilabel", r"does not fit a multilabel task; must be one of"),
        ("precision", "multiclass", r"does not fit a multiclass task; .*precision_macro"),
        ("max_error", "regression", r"did you mean neg_max_error"),
    ],
)
def test_a_metric_that_does_not_fit_is_one_line(name: str, task: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^metric: {name}: {message}") as error:
        metric(name, task)
    assert "\n" not in str(error.value)


def test_a_scorer_without_weights_refuses_them_in_one_line() -> None:
    scores, y = drawn("binary")
    own = metric("adjusted_rand_score", "binary")
    with pytest.raises(UserError, match=r"^metric: adjusted_rand_score: takes no sample weights"):
        own.function(scores, y, np.ones(ROWS))


def test_errors_of_folds_are_in_the_unit_of_the_targets() -> None:
    data = load_data("diabetes", seed=0, dtype="float64", folds=3)
    own, raw = data.metric("rmse"), data.target.values
    for fold, metric, (train, validation) in zip(
        data.folds, data.fold_metrics("rmse"), data.split.folds, strict=True
    ):
        assert fold.validation is not None
        y = fold.validation.y.copy()  # the numbers decide, not which array holds them
        found = metric.function(np.zeros_like(y), y, None)  # each fold predicts its own mean
        error = raw[validation] - raw[train].mean(axis=0)
        assert found == pytest.approx(np.sqrt(np.mean(error**2)))
    test = data.test()
    error = raw[data.split.test] - raw[data.split.rest].mean(axis=0)
    found = own.function(np.zeros_like(test.y), test.y, None)
    assert found == pytest.approx(np.sqrt(np.mean(error**2)))
