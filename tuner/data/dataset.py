"""A data set as training wants it: split, scaled, and its test part shut away."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import bundled, checks, idx
from tuner.data.labels import Labels
from tuner.data.scaling import Scaling, fit
from tuner.data.source import Source
from tuner.data.splits import share_out
from tuner.errors import UserError

TEST_FRACTION = 0.2


@dataclass(frozen=True, eq=False, repr=False)
class DataSet:
    """Scaled training and validation parts; the test part is read when it is asked for.

    X_train, X_validation: (n, inputs), C-contiguous, scaled by what the training part showed
    y_train, y_validation: (n,) int64 positions in `classes`; for regression (n, outputs) of the
        dtype of X, standardised by the training part, because squared errors on targets in the
        hundreds would need learning rates of their own
    example: (5, inputs) raw rows of the training part, float64
    scaling, encoding: from raw rows to X, from raw targets to y
    """

    name: str
    X_train: np.ndarray
    y_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    example: np.ndarray
    scaling: Scaling
    encoding: Labels | Scaling
    _read_test: Callable[[], tuple[np.ndarray, np.ndarray]]

    @property
    def task(self) -> str:
        """What is predicted: "binary", "multiclass" or "regression"."""
        if self.classes is None:
            return "regression"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @property
    def classes(self) -> np.ndarray | None:
        """The labels as the source has them, sorted; None for regression."""
        return self.encoding.classes if isinstance(self.encoding, Labels) else None

    @property
    def target_mean(self) -> np.ndarray | None:
        """(outputs,) what was taken from the raw targets; None for classification."""
        return self.encoding.shift if isinstance(self.encoding, Scaling) else None

    @property
    def target_scale(self) -> np.ndarray | None:
        """(outputs,) what the raw targets were then divided by; None for classification."""
        return self.encoding.scale if isinstance(self.encoding, Scaling) else None

    @property
    def inputs(self) -> int:
        """Columns of X."""
        return len(self.scaling.shift)

    @property
    def outputs(self) -> int:
        """Scores a model gives a row: 1 for two classes, else one a class; one a target."""
        if isinstance(self.encoding, Scaling):
            return len(self.encoding.shift)
        return 1 if self.task == "binary" else len(self.encoding.classes)

    @property
    def preprocessing(self) -> Any:
        """A fitted scikit-learn transformer from raw rows to X (imports scikit-learn)."""
        return self.scaling.transformer()

    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """X and y of the test part, scaled and encoded as the other parts are.

        Read anew at each call: ask once, for the winner. Raises UserError when the files of the
        test part turn out to be bad.
        """
        rows, targets = self._read_test()
        checks.check_test(rows, targets, inputs=self.inputs, classes=self.classes)
        every, dtype = np.arange(len(rows)), self.X_train.dtype
        return self.scaling(rows, every, dtype), self.encoding(targets, every, dtype)


def load(
    name: str,
    *,
    seed: int,
    dtype: DTypeLike,
    validation_fraction: float = 0.2,
    test_fraction: float | None = None,
    scale: str = "standard",
    folder: str | None = None,
) -> DataSet:
    """Read a data set, check it, split it and scale it; the arguments are the keys of conf/data.

    name: a set that scikit-learn ships; with a folder, what to call the set of IDX files there
    seed: of the split; the same seed gives the same parts
    dtype: "float32" or "float64", of X and of regression's y
    test_fraction: 0.2 by default; IDX files have a test part of their own and take none
    scale: "standard" (mean 0, deviation 1), "minmax" (0 to 1) or "none", for each column

    Raises UserError, in one line, for settings or data that cannot be trained on.
    """
    source = bundled.read(name) if folder is None else idx.read(folder)
    fractions = _fractions(source, validation_fraction, test_fraction)
    checks.check_settings(fractions, scale)
    checks.check_source(source)
    parts = share_out(source.groups, fractions, seed=seed)
    checks.check_parts(source, parts, fractions)

    train, validation = parts["train"], parts["validation"]
    scaling = fit(source.rows, train, scale)
    encoding = (
        fit(source.targets, train, "standard") if source.classes is None else Labels(source.classes)
    )
    return DataSet(
        name=name,
        X_train=scaling(source.rows, train, dtype),
        y_train=encoding(source.targets, train, dtype),
        X_validation=scaling(source.rows, validation, dtype),
        y_validation=encoding(source.targets, validation, dtype),
        example=source.rows[train[:5]].astype(np.float64),
        scaling=scaling,
        encoding=encoding,
        _read_test=source.read_test or partial(_take, source, parts["test"]),
    )


def _fractions(
    source: Source, validation_fraction: float, test_fraction: float | None
) -> dict[str, float]:
    """The share of each part that has to be split off."""
    if source.read_test is None:
        share = TEST_FRACTION if test_fraction is None else test_fraction
        return {"validation": validation_fraction, "test": share}
    if test_fraction is not None:
        raise UserError(
            f"data.test_fraction: {test_fraction}: must be left out, the set has a test part"
        )
    return {"validation": validation_fraction}


def _take(source: Source, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return source.rows[chosen], source.targets[chosen]
