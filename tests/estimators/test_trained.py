"""A promise of rows trained elsewhere: a public estimator takes them over, settings and all."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import tuner.estimators
from tests.training.conftest import member
from tuner.estimators import Loss, Optimizer, Schedule
from tuner.estimators.base import Estimator
from tuner.estimators.trained import estimator_of
from tuner.training import losses
from tuner.training.families import FAMILIES, create
from tuner.training.problems import Supervised

KINDS = [
    kind
    for kind in (getattr(tuner.estimators, name) for name in tuner.estimators.__all__)
    if isinstance(kind, type) and issubclass(kind, Estimator)
]


def own(kind: Any) -> dict[str, Any]:
    """Parameters of the kind alone, none at its default."""
    chosen = {
        "hidden": (3, 2),
        "activation": "tanh",
        "dropout": 0.25,
        "factors": 3,
        "delta": 0.5,
        "quantile": 0.25,
        "label_smoothing": 0.125,
    }
    known = kind().get_params()
    return {name: value for name, value in chosen.items() if name in known}


# One of each family and of each task; the others are as much to compile again.
QUICK = {"LogisticClassifier", "LinearRegressor", "MLPRegressor", "FactorizationMachineRegressor"}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=() if k.__name__ in QUICK else pytest.mark.slow) for k in KINDS],
)
def test_a_row_becomes_the_estimator_that_it_is(kind: Any, cancer: Any) -> None:
    X, y = cancer
    fitted = kind(
        optimizer=Optimizer("adam", lr=0.01, beta1=0.8, clip_norm=2.0),
        schedule=[Schedule("constant", until=0.5), Schedule("cosine", warmup_linear=0.25)],
        max_iter=1,
        batch_size=300,
        l2=0.01,
        random_state=7,
        **own(kind),
    ).fit(X, y)
    task = "regression" if hasattr(fitted, "target_mean_") else "binary"
    fold, _, _ = clone(fitted)._prepared(X, y, None, None, None, None, split_by=0)
    made = estimator_of(fitted._problem([fold]), fitted._member(7), 1, task)
    if task == "binary":
        made.adopt(fitted.theta_, 30, fitted.classes_, task)
    else:
        made.adopt(fitted.theta_, 30, fitted.target_mean_, fitted.target_scale_)
    np.testing.assert_array_equal(made.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(clone(made).fit(X, y).theta_, fitted.theta_)
    assert made.optimizer == fitted.optimizer
    assert made.schedule == fitted.schedule


def test_every_model_has_an_estimator_of_its_shape_for_each_of_its_tasks() -> None:
    for name, family in FAMILIES.items():
        model = create(name, 3, 2, {})
        for task in family.tasks:
            loss = losses.load(family.fitting(task)[0])
            made = estimator_of(Supervised(model, loss, (), 8), member(), 1, task)
            made.n_features_in_ = 3
            assert made._model(2) == model


def test_labels_are_taken_over_as_labels(cancer: Any) -> None:
    X, y = cancer
    both = np.stack([y, 1 - y], axis=1)
    fitted = tuner.estimators.MLPClassifier(
        hidden=(3,), loss=Loss("logistic", label_smoothing=0.1), max_iter=1
    ).fit(X, both)
    made = estimator_of(
        fitted._problem([fitted._fold(X, both, None, np.zeros(len(X), bool))]),
        fitted._member(0),
        1,
        "multilabel",
    ).adopt(fitted.theta_, 30, np.arange(2), "multilabel")
    np.testing.assert_array_equal(made.predict(X), fitted.predict(X))
    assert made.loss == fitted.loss


@pytest.mark.parametrize(("like", "task"), [("squared_error", "regression"), ("hinge", "binary")])
def test_a_linear_row_of_a_loss_that_no_linear_estimator_has_is_a_network_without_layers(
    like: str, task: str, cancer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = cancer
    monkeypatch.setattr(losses, "own", replace(losses.load(like), name="own"), raising=False)
    kind = "MLPRegressor" if task == "regression" else "MLPClassifier"
    fitted = getattr(tuner.estimators, kind)(hidden=(), loss="own", max_iter=1).fit(X, y)
    fold = fitted._fold(X, y, None, np.zeros(len(X), bool))
    made = estimator_of(fitted._problem([fold]), fitted._member(0), 1, task)
    if task == "binary":
        made.adopt(fitted.theta_, 30, fitted.classes_, task)
    else:
        made.adopt(fitted.theta_, 30, fitted.target_mean_, fitted.target_scale_)
    assert type(made).__name__ == kind
    np.testing.assert_array_equal(made.predict(X), fitted.predict(X))
