"""Promises of the estimators: scikit-learn's manners, and the numbers of a population's row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from tuner.estimators import NetworkClassifier, NetworkRegressor
from tuner.training.loop import Trainer
from tuner.training.losses import LOSSES
from tuner.training.models import MLP
from tuner.training.population import create
from tuner.training.problems import Supervised

LEARNT = {"optimizer_settings": {"lr": 0.01}, "epochs": 15}


def scaled(load: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = scaled(load_iris)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    return scaled(load_breast_cancer)


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    return scaled(load_diabetes)


def test_a_classifier_learns_several_classes_by_their_own_labels(iris: Any):
    X, y = iris
    network = NetworkClassifier((16,), **LEARNT).fit(X, y)
    assert network.score(X, y) > 0.93
    assert set(network.predict(X)) == set(y)
    assert list(network.classes_) == sorted(set(y))
    p = network.predict_proba(X)
    assert p.shape == (150, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(network.classes_[p.argmax(axis=1)], network.predict(X))


def test_a_classifier_learns_two_classes_by_one_score(cancer: Any):
    X, y = cancer
    network = NetworkClassifier((), activation="logistic", **LEARNT).fit(X, y)
    assert network.score(X, y) > 0.95
    scores = network.decision_function(X)
    assert scores.shape == (len(X),)
    np.testing.assert_array_equal(network.predict(X), network.classes_[(scores > 0).astype(int)])
    p = network.predict_proba(X)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-scores)), rtol=1e-5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("factor", [1.0, 1e6])
def test_a_regressor_learns_targets_of_any_unit(diabetes: Any, factor: float):
    X, y = diabetes
    network = NetworkRegressor((8,), activation="tanh", **LEARNT).fit(X, factor * y)
    assert network.score(X, factor * y) > 0.45
    assert network.predict(X).shape == y.shape


def test_a_regressor_learns_several_targets_at_once(diabetes: Any):
    X, y = diabetes
    both = np.stack([y, -2 * y], axis=1)
    network = NetworkRegressor((8,), activation="tanh", **LEARNT).fit(X, both)
    assert network.predict(X).shape == both.shape
    assert network.score(X, both) > 0.45


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_a_clone_has_the_same_settings_and_learns_the_same(kind: Any, diabetes: Any):
    X, y = diabetes
    y = y > 140 if kind is NetworkClassifier else y
    activation = "logistic" if kind is NetworkClassifier else "tanh"
    network = kind((4,), activation, "sgd", {"lr": 0.05}, epochs=3, random_state=7).fit(X, y)
    twin = clone(network)
    assert twin.get_params() == network.get_params()
    assert not hasattr(twin, "theta_")
    np.testing.assert_array_equal(twin.fit(X, y).theta_, network.theta_)


def test_fitting_again_forgets_what_was_learnt_before(iris: Any):
    X, y = iris
    network = NetworkClassifier((4,), epochs=2)
    first = network.fit(X, y).theta_
    np.testing.assert_array_equal(network.fit(X, y).theta_, first)


def test_another_random_state_learns_otherwise(iris: Any):
    a, b = (NetworkClassifier((4,), epochs=2, random_state=s).fit(*iris) for s in (0, 1))
    assert not np.array_equal(a.theta_, b.theta_)


def test_an_estimator_has_the_numbers_of_a_row_of_a_population(iris: Any):
    X, y = iris
    network = NetworkClassifier((6,), schedule="cosine", epochs=4, random_state=3).fit(X, y)
    codes = np.unique(y, return_inverse=True)[1]
    model = MLP(4, 3, (6,), "relu")
    rows = np.ascontiguousarray(X, dtype=np.float32)
    problem = Supervised(model, LOSSES["multiclass"], rows, codes, rows, codes, 32)
    population = create(problem, [network.member()] * 9)
    with Trainer(problem, 4, threads=2) as trainer:
        for epoch in range(1, 5):
            trainer.epoch(population, epoch)
    for theta in population.theta:
        np.testing.assert_array_equal(theta, network.theta_)
    adopted = NetworkClassifier((6,)).adopt(population.theta[0], 4, np.unique(y))
    np.testing.assert_array_equal(adopted.predict_proba(X), network.predict_proba(X))


def test_a_regressor_adopts_a_row_with_the_scale_of_its_targets(diabetes: Any):
    X, y = diabetes
    network = NetworkRegressor((4,), activation="tanh", epochs=2).fit(X, y)
    adopted = NetworkRegressor((4,), activation="tanh").adopt(
        network.theta_, X.shape[1], network.target_mean_, network.target_scale_
    )
    np.testing.assert_array_equal(adopted.predict(X), network.predict(X))


@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
def test_a_saved_estimator_predicts_the_same_and_holds_no_foreign_types(
    kind: Any, diabetes: Any, tmp_path: Path
):
    X, y = diabetes
    y = np.where(y > 140, "high", "low") if kind is NetworkClassifier else y
    activation = "logistic" if kind is NetworkClassifier else "tanh"
    network = kind((4,), activation, epochs=2).fit(X, y)
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler().fit(X), network), path)
    foreign = skops.io.get_untrusted_types(file=path)
    assert foreign == [f"tuner.estimators.network.{kind.__name__}"]
    again = skops.io.load(path, trusted=foreign)
    np.testing.assert_array_equal(again[-1].predict(X), network.predict(X))


def test_an_estimator_works_in_a_pipeline_with_cross_validation(iris: Any):
    pipeline = make_pipeline(StandardScaler(), NetworkClassifier((8,), **LEARNT))
    assert cross_val_score(pipeline, *iris, cv=3).mean() > 0.8


def test_float64_is_float64_throughout(iris: Any):
    X, y = iris
    network = NetworkClassifier((4,), epochs=1, dtype="float64").fit(X, y)
    assert network.theta_.dtype == np.float64


def test_predicting_before_fitting_is_refused(iris: Any):
    for network in (NetworkClassifier(), NetworkRegressor()):
        with pytest.raises(NotFittedError):
            network.predict(iris[0])


def test_other_features_than_those_fitted_are_refused(iris: Any):
    X, y = iris
    network = NetworkClassifier((4,), epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        network.predict(X[:, :3])


def test_nan_is_refused(iris: Any):
    X, y = iris
    X = X.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        NetworkClassifier((4,), epochs=1).fit(X, y)


def test_one_class_is_refused(iris: Any):
    X, y = iris
    with pytest.raises(ValueError, match="class"):
        NetworkClassifier((4,), epochs=1).fit(X, np.zeros(len(y)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "network", [NetworkClassifier((8,), epochs=40), NetworkRegressor((8,), "tanh", epochs=40)]
)
def test_scikit_learns_own_checks_pass(network: Any):
    failed = {
        c["check_name"]: repr(c["exception"])
        for c in check_estimator(network, on_fail=None)
        if c["status"] == "failed"
    }
    assert failed == {}
