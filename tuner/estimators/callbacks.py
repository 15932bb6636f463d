"""Callbacks of scikit-learn's protocol: called around a fit and around each of its epochs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sklearn.callback import FitCallback


class FitTask:
    """The task of one fit in scikit-learn's tree of tasks; each epoch is a task below it.

    Callbacks get the estimator, X, y and metadata (the sample weights), and after an epoch a fitted
    estimator, if they ask for one. The constructor calls the callbacks for the beginning of the
    fit.

    Args:
        estimator: the estimator in fit; it has the callbacks.
        X, y, sample_weight: the arguments of fit.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self.fit.call_on_fit_task_begin(**self.given)

    def begin_epoch(self) -> None:
        """Calls the callbacks before an epoch."""
        self.epoch = self.fit.subcontext("epoch").call_on_fit_task_begin(**self.given)

    def end_epoch(self, fitted: Callable[[], Mapping[str, Any]]) -> bool:
        """Calls the callbacks after an epoch.

        Args:
            fitted: returns the attributes that the estimator would have if fit stopped now.

        Returns:
            Whether a callback asks to stop.
        """
        return bool(self.epoch.call_on_fit_task_end(**self.given, reconstruction_attributes=fitted))

    def end(self) -> None:
        """Calls the callbacks after the last epoch."""
        self.fit.call_on_fit_task_end(**self.given, reconstruction_attributes={})


@contextmanager
def added(estimator: Any, callbacks: Sequence[FitCallback]) -> Iterator[None]:
    """Adds callbacks to those of the estimator, which may come from a meta-estimator.

    At the end of the block, the estimator has its previous callbacks again.
    """
    before = list(getattr(estimator, "_skl_callbacks", ()))
    estimator.set_callbacks(*before, *callbacks)
    try:
        yield
    finally:
        estimator.set_callbacks(*before)
