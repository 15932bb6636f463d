"""Scikit-learn's own tests of its searches, run against TunerSearchCV."""

from typing import Any

import pytest

from tuner.model_selection import TunerSearchCV
from tuner.model_selection.candidates import last_step

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),
]


def fit_at_once(estimator: Any, X: Any, y: Any, **params: Any) -> Any:
    """A partial_fit for those that have none: their only epoch."""
    return estimator.fit(X, y, **params)


def weighted_fit_at_once(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
    """The same of those whose fit takes weights."""
    return estimator.fit(
        X, y, **({} if sample_weight is None else {"sample_weight": sample_weight})
    )


class AsScikitLearns(TunerSearchCV):
    """A search that trains through one epoch and halves nothing."""

    def __init__(self, estimator: Any, space: Any, n_candidates: int, **more: Any) -> None:
        if isinstance(space, list) and len(space) == 1:
            (space,) = space
        for name in ("pre_dispatch", "return_train_score"):
            more.pop(name, None)
        own = {"epochs": 1, "keep": 1, "cohort": 64, "n_candidates": n_candidates}
        super().__init__(estimator, space, **own, **more)

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        kind = type(last_step(self.estimator))
        if not hasattr(kind, "partial_fit"):
            kind.partial_fit = weighted_fit_at_once
        return super().fit(X, y, **params)
