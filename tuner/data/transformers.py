"""Transformers of a saved model that scikit-learn has not: a file of them names these classes."""

from typing import Any, Self

import numpy as np
from sklearn.preprocessing import RobustScaler, StandardScaler


class Robust(RobustScaler):  # type: ignore[misc]
    """Less the median, over the distance of the quartiles.

    Where the quartiles are one number, as of a column that is mostly 0, it is over the standard
    deviation: scikit-learn's would leave the other numbers as large as they are.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits to X (samples, features) without gaps; y is not used."""
        super().fit(X)
        X = np.asarray(X, np.float64)
        low, high = np.quantile(X, (0.25, 0.75), axis=0)
        if (same := low == high).any():
            self.scale_[same] = StandardScaler().fit(X[:, same]).scale_
        return self
