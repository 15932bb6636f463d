"""Callbacks of a search: scikit-learn's callbacks receive its cohorts, and it prints them."""

from typing import Any

from tuner.model_selection.results import Candidates
from tuner.study.events import Asked, CohortEnded, Event


class Callbacks:
    """Tells scikit-learn's callbacks of cohorts, and prints a line for each if it is asked to.

    Args:
        search: that fits.
        context: of its fit.
        candidates: of it, so far.
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
        """Why the search ends before its candidates are through, or ""."""
        return self.stop
