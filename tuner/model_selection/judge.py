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
        error_score: the score if the scorer raises an error, or "raise".
    """

    scorer: Any
    error_score: Any

    def __call__(self, own: Any, samples: Samples) -> Judged:
        """Scores the last step of a candidate, which was trained on the fold.

        Raises:
            ValueError: the scorer returns several scores, or none.
            Exception: any error of the scorer, if error_score is "raise".
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
        """Whether the scorer is one of scikit-learn's, which can also score untrained
        candidates."""
        return type(self.scorer) in (_PassthroughScorer, _Scorer)

    def sees_the_last_step_alone(self, samples: Samples) -> bool:
        """Whether the scorer gets the same result from the last step alone, on transformed X.

        scikit-learn's scorers use only the predictions of a pipeline's last step, nothing else of
        the pipeline or of X. With metadata routing, however, steps may request their own metadata.
        """
        if type(samples.pipeline) is not Pipeline:
            return False
        if type(self.scorer) is _PassthroughScorer:
            return not (_routing_enabled() and samples.score_params)
        return type(self.scorer) is _Scorer


def whole(pipeline: Any, own: Any) -> Any:
    """The pipeline with this fitted last step."""
    fitted = copy.copy(pipeline)
    fitted.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], own)]
    return fitted
