"""Promises of the guard of foreign estimators: slow ones stay, those that explode leave."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.metrics import r2_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from tuner.model_selection import TunerSearchCV
from tuner.study.runners.partial_fit import Samples, unlearned

SLOW, USUAL, HIGH = [1e-7, 1.3e-5], [1e-3, 1e-2], [1e3, 1e6]


def states(estimator: Any, name: str, rates: list[float], X: Any, y: Any) -> dict[float, str]:
    """How a candidate of each rate ends that nobody else can stop."""
    more: dict[str, Any] = {"cv": 2, "epochs": 12, "keep": 1, "sampler": "grid", "refit": False}
    kind = clone(estimator).set_params(random_state=0)
    found = TunerSearchCV(kind, {name: rates}, n_candidates=len(rates), **more).fit(X, y)
    return dict(
        zip(found.cv_results_[f"param_{name}"], map(str, found.cv_results_["state"]), strict=True)
    )


def targets(y: Any) -> dict[str, Any]:
    """Targets around zero, away from it, and far away."""
    one = (y - y.mean()) / y.std()
    return {"centred": one, "as they are": y, "far": 1000 + one}


@pytest.mark.parametrize("scale", ["centred", "as they are", "far"])
@pytest.mark.parametrize("schedule", ["constant", "invscaling"])
def test_a_linear_regressor_with_a_slow_rate_has_not_diverged(
    schedule: str, scale: str, diabetes: Any
) -> None:
    X, y = StandardScaler().fit_transform(diabetes[0]), targets(diabetes[1])[scale]
    kind = SGDRegressor(learning_rate=schedule)
    ended = states(kind, "eta0", [*SLOW, *USUAL, *HIGH], X, y)
    assert {ended[rate] for rate in SLOW + USUAL} == {"COMPLETE"}
    assert {ended[rate] for rate in HIGH} == {"DIVERGED"}


@pytest.mark.parametrize("scale", ["centred", "as they are", "far"])
def test_nor_has_a_network_whose_weights_are_drawn(scale: str, diabetes: Any) -> None:
    X, y = StandardScaler().fit_transform(diabetes[0]), targets(diabetes[1])[scale]
    kind = MLPRegressor(hidden_layer_sizes=(10,))
    ended = states(kind, "learning_rate_init", [*SLOW, *USUAL, *HIGH], X, y)
    assert {ended[rate] for rate in SLOW + USUAL} == {"COMPLETE"}
    assert {ended[rate] for rate in HIGH} == {"DIVERGED"}


def test_nor_has_one_that_starts_far_above_all_targets(diabetes: Any) -> None:
    X, y = 1e4 * diabetes[0], targets(diabetes[1])["centred"]
    kind = MLPRegressor(hidden_layer_sizes=(10,))
    assert set(states(kind, "learning_rate_init", SLOW, X, y).values()) == {"COMPLETE"}


def test_nor_has_a_classifier_that_is_worse_than_the_most_frequent_class() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 10 == 0
    X = rng.normal(size=(300, 4)) + y[:, None]
    for kind, name in ((MLPClassifier((10,)), "learning_rate_init"), (SGDClassifier(), "eta0")):
        fixed = {"learning_rate": "constant"}
        ended = states(kind.set_params(**fixed), name, [*SLOW, 1e-3], X, y)
        assert set(ended.values()) == {"COMPLETE"}


@pytest.mark.parametrize("shape", ["one", "two"])
def test_what_has_learned_nothing_predicts_zero(shape: str, diabetes: Any) -> None:
    X, y = diabetes
    kind: Any = SGDRegressor(random_state=0)
    if shape == "two":
        kind, y = MultiOutputRegressor(kind), np.c_[y, 2 * y]
    expected = 1 - r2_score(y, np.zeros_like(y))
    assert unlearned(kind, Samples(X, y, None, X, y)) == pytest.approx(expected)


def test_a_score_of_its_own_says_nothing_of_a_start(diabetes: Any) -> None:
    class Own(SGDRegressor):
        def score(self, X: Any, y: Any) -> float:
            return -float(np.mean(np.abs(self.predict(X) - y)))

    X, y = diabetes
    assert np.isnan(unlearned(Own(), Samples(X, y, None, X, y)))
    assert states(Own(), "eta0", SLOW, X, y) == dict.fromkeys(SLOW, "COMPLETE")
