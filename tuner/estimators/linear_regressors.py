"""Linear regressors: least squares, Huber, quantile and Poisson."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import column_or_1d

from tuner.estimators.components import Loss
from tuner.estimators.linear import Linear, layer
from tuner.estimators.regressors import Regressor

Array = np.ndarray


@dataclass(kw_only=True, eq=False, repr=False)
class LinearRegressor(Linear, Regressor):
    """Least squares: ridge regression with l2, the lasso with l1, elastic net with both."""

    LOSSES: ClassVar = ("squared_error",)

    @property
    def coef_(self) -> Array:
        """The weights (features,), or (targets, features), in the units of the targets."""
        W: Array = layer(self)[0] * self.target_scale_[:, None]
        return W[0] if self._flat else W

    @property
    def intercept_(self) -> Any:
        """The bias, or the biases (targets,), in the units of the targets."""
        b = layer(self)[1] * self.target_scale_ + self.target_mean_
        return b[0] if self._flat else b

    def _loss(self) -> str | Loss:
        return "squared_error"


@dataclass(kw_only=True, eq=False, repr=False)
class HuberRegressor(LinearRegressor):
    """Linear regression robust to outliers: the loss is linear beyond an error of delta.

    Args:
        delta: the error, in standard deviations of the targets. scikit-learn's epsilon is in
            standard deviations of the noise.
    """

    LOSSES: ClassVar = ("huber",)
    delta: float = 1.35

    def _loss(self) -> Loss:
        return Loss("huber", delta=self.delta)


@dataclass(kw_only=True, eq=False, repr=False)
class QuantileRegressor(LinearRegressor):
    """Linear regression of a quantile of the targets, with the pinball loss.

    Args:
        quantile: between 0 and 1; 0.5 is the median.
    """

    LOSSES: ClassVar = ("quantile",)
    quantile: float = 0.5

    def _loss(self) -> Loss:
        return Loss("quantile", quantile=self.quantile)


@dataclass(kw_only=True, eq=False, repr=False)
class PoissonRegressor(Linear, Regressor):
    """Poisson regression for counts and other targets of at least 0: the log of the mean is linear.

    It has one target. For several, use scikit-learn's MultiOutputRegressor.
    """

    LOSSES: ClassVar = ("poisson",)

    @property
    def coef_(self) -> Array:
        """The weights (features,) of the log of the mean."""
        W = layer(self)[0]
        return W[0] if self._flat else W

    @property
    def intercept_(self) -> Any:
        """The bias of the log of the mean."""
        b = layer(self)[1] + np.log(self.target_scale_)
        return b[0] if self._flat else b

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn's check of several targets uses negative targets.
        tags.target_tags.multi_output = False
        return tags

    def _targets(self, y: Any) -> Array:
        return super()._targets(column_or_1d(y, warn=True))

    def _loss(self) -> str:
        return "poisson"
