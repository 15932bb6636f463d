"""Regressors: numbers as an estimator's targets."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from tuner.estimators.base import Estimator
from tuner.estimators.components import Loss
from tuner.training import losses

Array = np.ndarray


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A regressor of one target or several.

    Targets are standardised for training, so that rates, penalties and curves do not depend on
    their unit; counts, of the Poisson loss, are divided by their mean.

    Attributes:
        target_mean_, target_scale_: (targets,), what was taken from the targets, and what the rest
            was divided by.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = not self._standardised()
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains through one epoch on these samples, and goes on there when called again.

        The first call fixes how targets are standardised. The schedule is laid out for max_iter
        calls, and stays at its end afterwards. After a fit it goes on from the parameters, with an
        optimizer that starts anew.

        Args:
            X: (samples, features), dense or sparse.
            y: targets (samples,) or (samples, targets).
            sample_weight: (samples,), each of which multiplies its sample's part in a step: unlike
                in `fit`, twice all weights are twice the steps. A sample of weight 0 is left out.

        Returns:
            The estimator.

        Raises:
            ValueError: for data or parameters that are not allowed, and if training diverges.
        """
        self._check_parameters()
        first = not hasattr(self, "theta_")
        dtype = None if first else self.theta_.dtype
        X, y, weights = self._rows(X, y, sample_weight, dtype)
        if first:
            self._learn(y, weights, np.zeros(len(y), bool))
        return self._continue(X, y, weights, first)

    def adopt(self, theta: Array, features: int, mean: Array, scale: Array) -> Self:
        """Takes parameters that were trained elsewhere, on (y - mean) / scale, in place of a fit.

        Args:
            theta: (size,), as `theta_`.
            features: how many there are.
            mean, scale: (targets,), as `target_mean_` and `target_scale_`.

        Returns:
            The estimator.
        """
        self.theta_, self.target_mean_, self.target_scale_ = theta, mean, scale
        self.n_features_in_, self.n_outputs_, self._flat = features, len(mean), len(mean) == 1
        return self

    def _standardised(self) -> bool:
        return losses.load(self._loss_and_number()[0]).standardise

    def _targets(self, y: Array) -> Array:
        try:
            y = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"y: {np.ravel(y)[0]!r}: give numbers") from None
        if not self._standardised() and (y < 0).any():
            raise ValueError(f"y: {y.min():g}: the Poisson loss takes no negative numbers")
        return y

    def _learn(self, y: Array, weights: Array | None, held: Array) -> None:
        self._flat, known = y.ndim == 1, ~held
        y = y[known].reshape(np.count_nonzero(known), -1)
        weights = None if weights is None else weights[known]
        self.n_outputs_ = y.shape[1]
        mean = np.average(y, axis=0, weights=weights)
        spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
        if not self._standardised():
            mean, spread = np.zeros_like(mean), mean
        self.target_mean_, self.target_scale_ = mean, np.where(spread > 0, spread, 1.0)

    def _coded(self, y: Array) -> Array:
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y: {y.shape[1]} targets: give {self.n_outputs_}, as in the fit before"
            )
        coded: Array = (y - self.target_mean_) / self.target_scale_
        return coded

    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        return weights

    def predict(self, X: Any) -> Array:
        """Predictions in the unit of the targets, shaped as y was."""
        scores = np.asarray(self._scores(X), np.float64)
        if not self._standardised():
            scores = np.exp(scores)
        predictions: Array = scores * self.target_scale_ + self.target_mean_
        return predictions[:, 0] if self._flat else predictions


@dataclass(kw_only=True, eq=False, repr=False)
class AnyLossRegressor(Regressor):
    """A regressor of any loss: squared_error, huber, quantile or poisson.

    Args:
        loss: a name, or Loss("quantile", quantile=0.9) and the like.
    """

    loss: str | Loss = "squared_error"

    def _check_parameters(self) -> None:
        super()._check_parameters()
        name, _ = self._loss_and_number()
        if "regression" not in losses.load(name).tasks:
            allowed = ", ".join(losses.fitting("regression"))
            raise ValueError(f"loss: {name!r}: give one of {allowed}")

    def _loss(self) -> str | Loss:
        return self.loss
