"""The base of runners that train each row's estimator in a separate process."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel
from sklearn.base import clone

from tuner.files import read_json
from tuner.search.runner import Progress, Row, Runner
from tuner.study.judgements import Judged, Judgements

Array = np.ndarray

SAVED = "epoch.json"


class Trained(NamedTuple):
    """An estimator after an epoch: its training loss, its judgement, and the error if it failed."""

    estimator: Any
    loss: float
    judged: Judged
    error: str = ""
    diverged: bool = False


class OneByOne(Runner):
    """Holds one estimator per row; subclasses say how it starts and what an epoch does.

    A saved state holds only the rows and their number of epochs: estimators of other libraries
    cannot be saved without pickle.

    Args:
        estimators: unfitted estimators by row.
        pool: runs the epochs.
        judgements: receives the scores and the errors.
        raises: whether errors in training are raised.
    """

    def __init__(
        self,
        estimators: Mapping[Row, Any],
        pool: Parallel,
        judgements: Judgements,
        raises: bool = False,
    ) -> None:
        self.own = dict(estimators)
        self.pool, self.judgements, self.raises = pool, judgements, raises
        self.epochs = 0

    @property
    def rows(self) -> list[Row]:
        return list(self.own)

    @property
    def steps(self) -> int:
        return 1

    @property
    def momentum(self) -> Array:
        return np.zeros(len(self.own))

    def take(self, done: Sequence[Trained], epoch: int) -> None:
        """Stores the results of an epoch, in the order of the rows."""
        rows, self.epochs = self.rows, epoch
        self.own = {row: own.estimator for row, own in zip(rows, done, strict=True)}
        for row, own in zip(rows, done, strict=True):
            self.judgements.judge(row, own.judged)
            self.judgements.fail(row, "" if own.diverged else own.error)

    def progress(self, metrics: Mapping[str, Array], done: Sequence[Trained]) -> Progress:
        """The progress of the last epoch; rows that could not train leave."""
        left = np.array([bool(own.error) for own in done], bool)
        count = len(self.own)
        return Progress(metrics, left, np.full(count, float(self.epochs)), np.zeros(count))

    def keep(self, trials: Collection[int]) -> None:
        self.own = {row: own for row, own in self.own.items() if row.trial in trials}

    def save(self, folder: Path) -> None:
        state = {"epochs": self.epochs, "rows": self.rows}
        (folder / SAVED).write_text(json.dumps(state), encoding="utf-8")

    def saved(self, folder: Path) -> int:
        """Keeps only the rows of a saved state, unfitted; returns their number of epochs.

        Raises:
            ValueError: if the folder holds other trials than these.
        """
        state = read_json(folder / SAVED)
        rows = {Row(*row) for row in state["rows"]}
        if not rows <= self.own.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        self.own = {row: clone(own) for row, own in self.own.items() if row in rows}
        return int(state["epochs"])
