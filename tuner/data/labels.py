"""Labels as positions among the sorted classes, and weights that balance the classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes, (classes,), sorted, as the source has them."""

    classes: np.ndarray

    def __call__(self, labels: np.ndarray, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen labels as positions: (chosen,) int64, whatever the dtype of the rows.

        Args:
            labels: (n,) as the source has them.
            chosen: numbers of the rows.
            dtype: not used; other targets have that of the rows.
        """
        return np.asarray(np.searchsorted(self.classes, labels[chosen]), np.int64)


def balanced(labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """(n,) rows / (classes * rows of the class), as scikit-learn's "balanced" has it.

    Args:
        labels: (n,) of the rows.
        weights: (n,) by which rows count, some of each class above 0; or None.
    """
    codes = np.unique(labels, return_inverse=True)[1]
    mass = np.bincount(codes, weights)
    return np.asarray(mass.sum() / (len(mass) * mass))[codes]
