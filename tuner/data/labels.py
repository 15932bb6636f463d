"""Labels as indices into the sorted classes, and weights that balance the classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True, eq=False)
class Labels:
    """Encodes labels; classes: (classes,), sorted, as in the source."""

    classes: np.ndarray

    def __call__(self, labels: np.ndarray, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen labels as indices: (chosen,) int64, whatever the dtype of the rows.

        Args:
            labels: (n,) as in the source.
            chosen: numbers of the rows.
            dtype: not used; encoders of other targets use it.
        """
        return np.asarray(np.searchsorted(self.classes, labels[chosen]), np.int64)


def balanced(labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Weights (n,): rows / (classes * rows of the class), as scikit-learn's "balanced".

    Args:
        labels: (n,) of the rows.
        weights: (n,) sample weights, with a positive one in each class; or None.
    """
    codes = np.unique(labels, return_inverse=True)[1]
    mass = np.bincount(codes, weights)
    return np.asarray(mass.sum() / (len(mass) * mass))[codes]
