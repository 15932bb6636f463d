"""The results of a search, as scikit-learn's searches have them."""

import time
from collections.abc import Callable
from typing import Any

from tuner.codec import Settings
from tuner.search.trials import Outcome
from tuner.study.events import Asked, Event, TrialsEnded

# An estimator's parameters by name, or what a row of cv_results_ holds.
Params = dict[str, Any]


class Candidates:
    """Listens to a study and keeps what `cv_results_` is made of, candidate by candidate.

    Args:
        parameters: of a trial, from its settings.
        folds: how many scores a candidate has.
        error_score: the score of one that diverged, or "raise".
    """

    def __init__(
        self,
        parameters: Callable[[Settings], Params],
        folds: int,
        error_score: Any,
    ) -> None:
        self.parameters, self.folds, self.error_score = parameters, folds, error_score
        self.params: list[Params] = []
        self.scores: list[Params] = []
        self.more: dict[str, list[Any]] = {}
        self.cohort, self.begun = -1, 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case Asked():
                self.cohort, self.begun = self.cohort + 1, time.perf_counter()
            case TrialsEnded(outcomes):
                spent = time.perf_counter() - self.begun
                for outcome in outcomes:
                    self.add(outcome, spent / (len(outcomes) * self.folds))

    def add(self, outcome: Outcome, seconds: float) -> None:
        """A candidate: its last score on each fold, or the one it gets for having diverged.

        Raises:
            ValueError: if it diverged and error_score is "raise".
        """
        diverged = outcome.state == "DIVERGED"
        if diverged and self.error_score == "raise":
            raise ValueError(f"{dict(outcome.trial.settings)}: {outcome.reason}")
        scores = {fold: score for (_, fold), score in outcome.members.items()}
        for fold in range(self.folds):
            score = float(self.error_score) if diverged else scores[fold]
            self.scores.append({"fit_time": seconds, "score_time": 0.0, "test_scores": score})
        self.params.append(self.parameters(outcome.trial.settings))
        for name, value in (
            ("iter", self.cohort),
            ("n_resources", outcome.epochs),
            ("state", outcome.state),
            ("reason", outcome.reason),
        ):
            self.more.setdefault(name, []).append(value)

    def stopped_early(self) -> str:
        """In words, how many candidates were stopped early."""
        states = self.more["state"]
        return f"{states.count('PRUNED')} pruned, {states.count('DIVERGED')} diverged"
