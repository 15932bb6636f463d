"""Scikit-learn's own checks, every one of them, of every estimator that tuner.estimators has."""

from typing import Any
from unittest import SkipTest

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

import tuner.estimators

KINDS = [
    kind
    for kind in (getattr(tuner.estimators, name) for name in tuner.estimators.__all__)
    if isinstance(kind, type) and issubclass(kind, BaseEstimator)
]


def example(kind: Any) -> Any:
    """An estimator as a user first makes it; a search needs something to search."""
    if kind is not tuner.model_selection.TunerSearchCV:
        return kind()
    rates = {"learning_rate": {"low": 1e-3, "high": 1e-1, "scale": "log"}}
    inner = tuner.estimators.SoftmaxClassifier(random_state=0)
    return kind(inner, rates, n_candidates=3, cohort=3, cv=2, epochs=30)


def test_there_is_an_estimator_for_every_family() -> None:
    assert len(KINDS) > 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([example(kind) for kind in KINDS])
def test_scikit_learns_own_checks_pass(
    estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it a check skips itself
    try:
        check(estimator)
    except SkipTest as skipped:
        pytest.fail(f"skipped: {skipped}")
