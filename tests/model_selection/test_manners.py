"""Promises of TunerSearchCV that are scikit-learn's: weights, scorers, errors, classes, routing."""

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import RidgeClassifier, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tuner.estimators import SoftmaxClassifier
from tuner.model_selection import TunerSearchCV

OWN = SoftmaxClassifier(max_iter=4, random_state=0)
FOREIGN = SGDClassifier(loss="log_loss", random_state=0, max_iter=4)
FITTED = RidgeClassifier(random_state=0)
ALL = pytest.mark.parametrize("kind", [OWN, FOREIGN, FITTED], ids=["own", "foreign", "fitted"])


def search(kind: Any, values: Any = (0.01, 0.1), **more: Any) -> TunerSearchCV:
    """A grid of the parameter that all kinds have a number of."""
    last = kind[-1] if hasattr(kind, "steps") else kind
    own = "learning_rate" if isinstance(last, SoftmaxClassifier) else "alpha"
    name = f"{type(last).__name__.lower()}__{own}" if last is not kind else own
    asked = {"n_candidates": 2, "sampler": "grid", "cv": 3, "keep": 1, "random_state": 0}
    if isinstance(last, RidgeClassifier):
        more.pop("epochs", None)  # it is fitted at once
    return TunerSearchCV(kind, {name: list(values)}, **asked | more)


@ALL
def test_rows_that_weigh_nothing_do_not_count_in_scores(kind: Any, iris: Any) -> None:
    X, y = iris
    wrong = np.arange(len(y)) % 3 > 0
    y = np.where(wrong, np.roll(y, 50), y)
    weights = (~wrong).astype(float)
    cv = KFold(3, shuffle=True, random_state=0)
    found = search(kind, cv=cv, epochs=15).fit(X, y, sample_weight=weights)
    assert set(found.cv_results_["state"]) == {"COMPLETE"}
    assert found.best_score_ > 0.7


class Seen:
    """A scorer that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        self.calls.append((estimator, X, sample_weight))
        assert (estimator.predict(np.zeros_like(X)) == estimator.predict(np.zeros_like(X))[0]).all()
        return accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)


@ALL
def test_a_scorer_gets_the_whole_candidate_raw_rows_and_their_weights(kind: Any, iris: Any) -> None:
    X, y = iris
    X, seen, weights = X + 1000, Seen(), np.arange(len(y)) + 1.0
    pipeline = make_pipeline(StandardScaler(), kind)
    search(pipeline, scoring=seen).fit(X, y, sample_weight=weights)
    name = "learning_rate" if isinstance(kind, SoftmaxClassifier) else "alpha"
    assert {call[0][-1].get_params()[name] for call in seen.calls} == {0.01, 0.1}
    for estimator, rows, own in seen.calls:
        assert rows.min() > 900
        assert abs(estimator[:-1].transform(rows)).max() < 10
        places = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in rows[:5]]
        assert len(places) == 5
        assert own is not None
        assert len(own) == len(rows)


@ALL
def test_the_fast_way_and_the_whole_candidate_have_the_same_score(kind: Any, iris: Any) -> None:
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), kind)

    def slow(estimator: Any, X: Any, y: Any) -> float:
        return float(accuracy_score(y, estimator.predict(X)))

    scores = [
        search(pipeline, scoring=scoring).fit(X, y).cv_results_["mean_test_score"]
        for scoring in ("accuracy", None, slow)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


@ALL
def test_an_error_in_training_is_the_one_that_is_said(kind: Any, iris: Any) -> None:
    X, y = iris
    X = X.copy()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"(?s)All the 6 fits failed.*Input X contains NaN"):
        search(kind, cv=KFold(3, shuffle=True, random_state=0)).fit(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match=r"^Input X contains NaN"):
        search(kind, error_score="raise").fit(X, y)


@ALL
def test_one_candidate_that_fails_costs_only_itself(kind: Any, iris: Any) -> None:
    with pytest.warns(FitFailedWarning, match=r"(?s)3 fits failed out of a total of 6.*-1"):
        found = search(kind, (-1.0, 0.1)).fit(*iris)
    assert sorted(found.cv_results_["state"]) == ["COMPLETE", "FAILED"]
    assert list(found.best_params_.values()) == [0.1]
    with pytest.raises(ValueError, match=r"-1"):
        search(kind, (-1.0, 0.1), error_score="raise").fit(*iris)


@ALL
def test_an_error_of_the_scorer_is_the_one_that_is_said(kind: Any, iris: Any) -> None:
    with (
        pytest.warns(UserWarning, match=r"(?s)Scoring failed.*Target is multiclass"),
        pytest.warns(UserWarning, match="test scores are non-finite"),
    ):
        found = search(kind, scoring="f1", epochs=10).fit(*iris)
    assert np.isnan(found.cv_results_["mean_test_score"]).all()
    assert "DIVERGED" not in found.cv_results_["state"]
    with pytest.raises(ValueError, match=r"^Target is multiclass"):
        search(kind, scoring="f1", error_score="raise").fit(*iris)


def test_a_divergence_that_is_raised_names_the_value_that_was_given(iris: Any) -> None:
    with pytest.raises(ValueError, match=r"\{'learning_rate': 1e\+300\}: "):
        search(OWN, (1e300, 1e300), error_score="raise").fit(*iris)


@ALL
def test_a_class_that_a_training_fold_lacks_is_missed_and_no_error(kind: Any, iris: Any) -> None:
    X, y = iris
    order = np.argsort(y, kind="stable")
    found = search(kind, cv=KFold(3), epochs=10).fit(X[order], y[order])
    assert found.best_score_ == 0  # no fold has seen the class that it is judged by
    rare = np.concatenate([order[:103], order[100:103]])
    found = search(kind, cv=KFold(3, shuffle=True, random_state=1), epochs=10)
    assert found.fit(X[rare], y[rare]).best_score_ > 0.8


@ALL
def test_several_scores_are_refused(kind: Any, iris: Any) -> None:
    for scoring in (["accuracy", "f1"], {"a": "accuracy"}):
        with pytest.raises(ValueError, match="give one scorer"):
            search(kind, scoring=scoring).fit(*iris)
    with pytest.raises(ValueError, match="scoring: gives a, b: give one scorer"):
        search(kind, scoring=lambda estimator, X, y: {"a": 1.0, "b": 0.0}).fit(*iris)


@ALL
def test_metadata_is_routed_to_whom_requests_it(kind: Any, iris: Any) -> None:
    X, y = iris
    weights = np.where(y == "virginica", 1e-9, 1.0)
    plain = search(kind, epochs=10).fit(X, y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = clone(kind).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = search(asks, epochs=10).fit(X, y, sample_weight=weights)
        inner = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), asks)
        piped = search(inner, epochs=10, scoring=None).fit(X, y, sample_weight=weights)
        silent = search(kind, epochs=10)
        with pytest.raises(ValueError, match=r"sample_weight.* not explicitly set"):
            silent.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(
        routed.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert piped.best_score_ > 0.9
