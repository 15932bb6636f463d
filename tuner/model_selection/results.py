"""The results of a search, in the form of scikit-learn's searches."""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures

from tuner.codec import Settings
from tuner.model_selection.resources import Resource
from tuner.search.trials import Outcome
from tuner.study.events import Asked, Event, TrialsEnded
from tuner.study.judgements import Judged, Judgements

# An estimator's parameters by name, or a row of cv_results_.
Params = dict[str, Any]


class Candidates:
    """Listens to a study and collects the data of `cv_results_`, candidate by candidate.

    Args:
        parameters: converts the settings of a trial to parameters.
        folds: number of folds, and so of scores per candidate.
        error_score: the score of a candidate that diverged or failed, or "raise".
        judgements: the scores, and errors of training.
        resource: the resource of the stages; None if it is epochs.
    """

    def __init__(
        self,
        parameters: Callable[[Settings], Params],
        folds: int,
        error_score: Any,
        judgements: Judgements,
        resource: Resource | None = None,
    ) -> None:
        self.judgements, self.resource = judgements, resource
        self.unknown = math.nan if error_score == "raise" else float(error_score)
        self.parameters, self.folds, self.error_score = parameters, folds, error_score
        self.params: list[Params] = []
        self.errors: list[Params] = []
        self.scored: dict[int, str] = {}
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
        """Adds a candidate with its last score on each fold, or error_score if it diverged.

        Raises:
            ValueError: it diverged and error_score is "raise".
        """
        number, params = outcome.trial.number, self.parameters(outcome.trial.settings)
        error, state, reason = self.judgements.failure(number), str(outcome.state), outcome.reason
        amount = outcome.epochs
        if self.resource is not None:
            params |= self.resource.params(outcome.epochs + bool(error))
            amount = self.resource.amount(outcome.epochs)
        if state == "DIVERGED" and self.error_score == "raise":
            raise ValueError(f"{params}: {reason}")
        for fold in range(self.folds):
            judged = self.judgements.judged.get((number, fold), Judged(math.nan))
            score = judged.score if state in ("COMPLETE", "PRUNED") else self.unknown
            self.scores.append({"fit_time": seconds, "score_time": 0.0, "test_scores": score})
        self.errors += [{"fit_error": error or None}] * self.folds
        self.params.append(params)
        for name, value in (
            ("iter", self.cohort),
            ("n_resources", 0 if error else amount),
            ("state", state),
            ("reason", reason),
        ):
            self.more.setdefault(name, []).append(value)
        if state in ("COMPLETE", "PRUNED"):
            self.scored[number] = state

    def report(self) -> None:
        """Warns about candidates that could not be trained or scored, as scikit-learn does.

        Raises:
            ValueError: no candidate could be trained, because of errors, not of divergence.
        """
        _warn_or_raise_about_fit_failures(self.errors, self.error_score)
        for error in self.judgements.unscored(self.scored):
            warnings.warn(
                "Scoring failed. The score on this train-test partition for these parameters will "
                f"be set to {self.error_score}. Details: \n{error}",
                UserWarning,
                stacklevel=2,
            )

    def stopped_early(self) -> str:
        """The number of candidates that were stopped early, in words."""
        states = self.more["state"]
        counts = ", ".join(f"{states.count(s)} {s.lower()}" for s in ("PRUNED", "DIVERGED"))
        return counts + (f", {states.count('FAILED')} failed" if "FAILED" in states else "")
