"""Callbacks of scikit-learn's protocol, told of a fit and of each of its epochs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sklearn.callback import FitCallback


class Told:
    """The callbacks of one fit: its root task has a task for each epoch.

    They get the estimator, X, y and metadata (the sample weights), and after an epoch a fitted
    estimator, if they ask for one.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.what = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.fit.call_on_fit_task_begin(**self.what)

    def epoch_begins(self) -> None:
        self.epoch = self.fit.subcontext("epoch").call_on_fit_task_begin(**self.what)

    def epoch_ends(self, fitted: Callable[[], Mapping[str, Any]]) -> bool:
        """Whether a callback wants to stop; fitted: the attributes as if fit had stopped now."""
        return bool(self.epoch.call_on_fit_task_end(**self.what, reconstruction_attributes=fitted))

    def fit_ends(self) -> None:
        self.fit.call_on_fit_task_end(**self.what, reconstruction_attributes={})


@contextmanager
def added(estimator: Any, callbacks: Sequence[FitCallback]) -> Iterator[None]:
    """Callbacks beside those that the estimator was set or given by a meta-estimator."""
    before = list(getattr(estimator, "_skl_callbacks", ()))
    estimator.set_callbacks(*before, *callbacks)
    try:
        yield
    finally:
        estimator.set_callbacks(*before)
