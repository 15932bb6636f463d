"""Scoring: a scorer gets the fitted candidate and the original rows."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

from sklearn.metrics._scorer import _PassthroughScorer, _Scorer
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils._metadata_requests import _routing_enabled

from tuner.study.judgements import Judged
from tuner.study.runners.partial_fit import Samples


@dataclass(frozen=True)
class Judge:
    """Scores estimators as scikit-learn's searches do.

    Args:
        scorer: takes a fitted candidate, raw rows and targets.
        error_score: the score where the scorer raises an error, or "raise".
    """

    scorer: Any
    error_score: Any

    def __call__(self, own: Any, samples: Samples) -> Judged:
        """Judges the last step of a candidate, which was trained on the fold.

        Raises:
            ValueError: if the scorer gives several scores, or none.
            Exception: what the scorer raises, if error_score is "raise".
        """
        candidate, X = own, samples.X_test
        if samples.pipeline is not None and not self.sees_the_last_step_alone(samples):
            candidate, X = whole(samples.pipeline, own), samples.X_raw
        seen: list[Any] = []

        def noted(*args: Any, **params: Any) -> Any:
            seen.append(self.scorer(*args, **params))
            return seen[0]

        try:
            return Judged(float(_score(candidate, X, samples.y_test, noted, samples.score_params)))
        except Exception:
            if seen and isinstance(seen[0], Mapping):
                names = ", ".join(map(str, seen[0]))
                raise ValueError(f"scoring: gives {names}: give one scorer") from None
            if seen or self.error_score == "raise":
                raise
            return Judged(float(self.error_score), format_exc())

    @property
    def plain(self) -> bool:
        """Whether it is one of scikit-learn's own, which may judge what is not a candidate yet."""
        return type(self.scorer) in (_PassthroughScorer, _Scorer)

    def sees_the_last_step_alone(self, samples: Samples) -> bool:
        """Whether it makes no difference to the scorer that the other steps were taken before.

        Scikit-learn's own scorers ask a pipeline for what its last step answers, and know nothing
        else of it or of X; with metadata routing, steps may ask for metadata of their own.
        """
        if type(samples.pipeline) is not Pipeline:
            return False
        if type(self.scorer) is _PassthroughScorer:
            return not (_routing_enabled() and samples.score_params)
        return type(self.scorer) is _Scorer


def whole(pipeline: Any, own: Any) -> Any:
    """The pipeline with another last step, which is fitted."""
    fitted = copy.copy(pipeline)
    fitted.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], own)]
    return fitted
