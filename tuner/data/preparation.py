"""Preparation: the settings by which raw rows and targets become a part's numbers."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import columns, reshaping, scaling, sparse
from tuner.data import encoding as words
from tuner.data.source import Source, is_sparse, is_table
from tuner.data.targets import Encoding
from tuner.errors import UserError

# In place of a fold's number: what the model that is kept is trained on, and the test part.
FINAL = -1
Preparation = scaling.Scaling | reshaping.Reshaping | sparse.SparseScaling | columns.Columns


@dataclass(frozen=True)
class Asked:
    """What was asked for beside the source and its split.

    Attributes:
        dtype: of X, and of y but for classes.
        scale: the method for columns of numbers.
        class_weight: "balanced" or None.
        standardise: whether regression's targets are standardised.
        refit: whether the model that is kept learns from all rows but the test part.
        positive: the place of the positive one of two classes, or None where it is not known.
        target_transform: what regression's targets are transformed by, or None.
        encoding: how columns of words and of text become numbers.
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
    """How raw rows and raw targets become a part.

    Attributes:
        fold: the number of the fold that it is of, or FINAL.
        fitted_to: numbers of the training rows that it was fitted to.
        rows: makes X.
        targets: makes y.
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
    """The preparation of raw rows, fitted to the training rows alone.

    Args:
        source: of the rows.
        train: numbers of the training rows.
        asked: how.
        y: (train,) or (train, outputs), what these rows are to be predicted, as of float64.
        layout: that of all folds, in whose columns a table's are put; None to have its own.

    Raises:
        UserError: what was asked does not fit the rows or what is predicted.
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
