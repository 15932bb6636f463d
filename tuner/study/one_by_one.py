"""What runners share that train each row's estimator in a process of its own."""

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
    """An estimator after an epoch: its training loss, how it is judged, why it could not train."""

    estimator: Any
    loss: float
    judged: Judged
    error: str = ""
    diverged: bool = False


class OneByOne(Runner):
    """An estimator for each row; a runner says what it begins with and what an epoch does.

    A saved state is the rows and how many epochs they had: estimators of others cannot be kept
    without pickle.

    Args:
        estimators: by row, not fitted.
        pool: runs the epochs.
        judgements: takes the scores and the errors.
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
        """Takes what an epoch made of the rows, in their order."""
        rows, self.epochs = self.rows, epoch
        self.own = {row: own.estimator for row, own in zip(rows, done, strict=True)}
        for row, own in zip(rows, done, strict=True):
            self.judgements.judge(row, own.judged)
            self.judgements.fail(row, "" if own.diverged else own.error)

    def progress(self, metrics: Mapping[str, Array], done: Sequence[Trained]) -> Progress:
        """What the epoch that was taken last is told as: who could not train leaves."""
        left = np.array([bool(own.error) for own in done], bool)
        count = len(self.own)
        return Progress(metrics, left, np.full(count, float(self.epochs)), np.zeros(count))

    def keep(self, trials: Collection[int]) -> None:
        self.own = {row: own for row, own in self.own.items() if row.trial in trials}

    def save(self, folder: Path) -> None:
        state = {"epochs": self.epochs, "rows": self.rows}
        (folder / SAVED).write_text(json.dumps(state), encoding="utf-8")

    def saved(self, folder: Path) -> int:
        """Leaves the rows that a state was saved of, not fitted; how many epochs they had.

        Raises:
            ValueError: if the folder holds other trials than these.
        """
        state = read_json(folder / SAVED)
        rows = {Row(*row) for row in state["rows"]}
        if not rows <= self.own.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        self.own = {row: clone(own) for row, own in self.own.items() if row in rows}
        return int(state["epochs"])
