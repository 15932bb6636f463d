"""Preparation: settings and encoders that turn raw rows and targets into numbers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import columns, reshaping, scaling, sparse
from tuner.data import encoding as words
from tuner.data.source import Source, is_sparse, is_table
from tuner.data.targets import Encoding
from tuner.errors import UserError

# In place of a fold's number: the training data of the saved model, and the test part.
FINAL = -1
Preparation = scaling.Scaling | reshaping.Reshaping | sparse.SparseScaling | columns.Columns


@dataclass(frozen=True)
class Asked:
    """The settings of a data set besides its source and its split.

    Attributes:
        dtype: of X, and of y unless y holds classes.
        scale: the scaling method for columns of numbers.
        class_weight: "balanced" or None.
        standardise: whether regression targets are standardised.
        refit: whether the saved model is trained on all rows but the test part.
        positive: the index of the positive one of two classes, or None if unknown.
        target_transform: the transform of regression targets, or None.
        encoding: the settings for columns of categories and of text.
    """

    dtype: DTypeLike
    scale: str
    class_weight: str | None
    standardise: bool = True
    refit: bool = False
    positive: int | None = None
    target_transform: str | None = None
    encoding: words.Encoding = field(default_factory=words.Encoding)


@dataclass(frozen=True, eq=False)
class Recipe:
    """The fitted encoders of a part's rows and targets.

    Attributes:
        fold: the number of its fold, or FINAL.
        fitted_to: numbers of the training rows that it was fitted to.
        rows: encodes X.
        targets: encodes y.
    """

    fold: int
    fitted_to: np.ndarray
    rows: Preparation
    targets: Encoding


def prepare(
    source: Source,
    train: np.ndarray,
    asked: Asked,
    y: np.ndarray,
    layout: Preparation | None = None,
) -> Preparation:
    """The preparation of raw rows, fitted to the training rows only.

    Args:
        source: the raw data.
        train: numbers of the training rows.
        asked: the settings.
        y: (train,) or (train, outputs), encoded targets of these rows, for dtype float64.
        layout: the preparation whose columns all folds of a table share; None to use its own
            columns.

    Raises:
        UserError: the settings do not fit the rows or the targets.
    """
    rows = source.rows
    if is_table(rows):
        if asked.encoding.by_method(source.kinds.words)[words.TARGET]:
            if y.ndim == 2 and y.shape[1] > 1:
                raise UserError(
                    f"data.words: {words.TARGET}: needs one target, the data have "
                    f"{y.shape[1]}; give {words.ONE_HOT} or {words.HASH}"
                )
            y = y.reshape(len(y))
        made = columns.fit(rows, train, asked.scale, source.kinds, asked.encoding, y, source.groups)
        if layout is None:
            return made
        assert isinstance(layout, columns.Columns)
        return made.within(layout)
    if is_sparse(rows):
        return sparse.fit(rows, train, asked.scale)
    if asked.scale in scaling.RESHAPING:
        return reshaping.fit(rows, train, asked.scale)
    return scaling.fit(rows, train, asked.scale)
