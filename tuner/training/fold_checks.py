"""Checks of folds: what compiled passes of a model and a loss can take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tuner.training.kernels.input_checks import (
    FLOATS,
    check_array,
    check_range,
    check_rows,
    check_weights,
)
from tuner.training.kernels.sparse import CSR

if TYPE_CHECKING:
    from tuner.training.losses import Loss
    from tuner.training.models import Model
    from tuner.training.problems import Fold, Part


def check_folds(folds: Sequence["Fold"], model: "Model", loss: "Loss") -> None:
    """Refuses folds that the compiled passes of this model and loss cannot handle.

    Raises:
        ValueError: the message names the fold, the part, what was found and what is expected.
    """
    X = folds[0].train.X
    dtype = getattr(X.values if isinstance(X, CSR) else X, "dtype", None)
    if dtype not in FLOATS:
        raise ValueError(f"fold 0: training part: X: {dtype}: give float32 or float64")
    first = ""
    for place, fold in enumerate(folds):
        for name, part in (("training", fold.train), ("validation", fold.validation)):
            if part is None:
                continue
            where = f"fold {place}: {name} part"
            check_part(where, part, model, loss, dtype)
            # A trainer compiles its passes once, so arrays must have the same types in all folds.
            X = part.X
            rows = f"CSR of {X.columns.dtype} columns" if isinstance(X, CSR) else "dense"
            kind = f"X {rows}, y {part.y.dtype}"
            first = first or kind
            if kind != first:
                raise ValueError(f"{where}: {kind}: give {first}, as in the first part")


def check_part(where: str, part: "Part", model: "Model", loss: "Loss", dtype: np.dtype) -> None:
    """Refuses a part that is not as `Part` says, or does not fit model and loss.

    Raises:
        ValueError: the message says what was found and what is expected.
    """
    samples = check_rows(f"{where}: X", part.X, model.inputs, dtype)
    if not samples:
        raise ValueError(f"{where}: X: no samples: give one or more")
    y, weights, where_y = part.y, part.weights, f"{where}: y"
    if "regression" in loss.tasks or ("multilabel" in loss.tasks and np.ndim(y) == 2):
        check_array(where_y, y, (samples, model.outputs), dtype)
        if not np.isfinite(y).all():
            raise ValueError(f"{where_y}: {y[~np.isfinite(y)][0]}: give finite numbers")
    else:
        check_array(where_y, y, (samples,), np.int64)
        check_range(where_y, y, max(2, model.outputs))
    if weights is not None:
        check_weights(f"{where}: weights", weights, samples, dtype)
