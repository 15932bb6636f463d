"""Callbacks of a search: reports cohorts to scikit-learn's callbacks, and prints them."""

from typing import Any

from tuner.model_selection.results import Candidates
from tuner.study.events import Asked, CohortEnded, Event


class Callbacks:
    """Reports cohorts to scikit-learn's callbacks, and prints a line for each if verbose.

    Args:
        search: the search in fit.
        context: the callback context of its fit.
        candidates: its candidates so far.
    """

    def __init__(self, search: Any, context: Any, candidates: Candidates) -> None:
        self.search, self.context, self.candidates = search, context, candidates
        self.task: Any = None
        self.stop = ""

    def __call__(self, event: Event) -> None:
        match event:
            case Asked():
                self.task = self.context.subcontext("cohort")
                self.task.call_on_fit_task_begin(estimator=self.search)
            case CohortEnded():
                if self.search.verbose:
                    count = f"{len(self.candidates.params)}/{self.search.n_candidates}"
                    print(f"{count} candidates, {self.candidates.stopped_early()}")
                if self.task.call_on_fit_task_end(estimator=self.search):
                    self.stop = "a callback asked to stop"

    def asked_to_stop(self) -> str:
        """The reason to end the search early, or ""."""
        return self.stop
