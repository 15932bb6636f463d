"""Regressors: numbers as an estimator's targets."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from tuner.estimators.base import Estimator
from tuner.estimators.components import Loss
from tuner.training import losses, target_transforms
from tuner.training.target_transforms import TargetTransform

Array = np.ndarray


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A regressor of one target or several.

    Targets are standardised for training, so that rates, penalties and curves do not depend on
    their unit. With the Poisson loss they are divided by their mean instead.

    Args:
        target_transform: "log1p" or "power" (Yeo-Johnson) for skewed targets, fitted to the
            training targets; predictions are still in the unit of the targets.

    Attributes:
        target_transform_: the fitted transform (tuner.training.target_transforms), or None.
        target_mean_, target_scale_: (targets,), the mean subtracted from the targets and the scale
            they were divided by, after the transform if there is one.
    """

    target_transform: str | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = not self._standardised()
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains one epoch on these samples. The next call trains the next epoch.

        The first call fixes how targets are standardised. The schedule covers
        max_iter calls, and stays at its last value afterwards. After a fit, training continues from
        the fitted parameters with a new state of the optimizer.

        Args:
            X: (samples, features), dense or sparse.
            y: targets (samples,) or (samples, targets).
            sample_weight: (samples,). A weight multiplies the sample's part in a step. Unlike in
                `fit`, doubling all weights doubles the steps. Samples of weight 0 are left out.

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

    def adopt(
        self,
        theta: Array,
        features: int,
        mean: Array,
        scale: Array,
        transform: TargetTransform | None = None,
    ) -> Self:
        """Uses parameters that were trained elsewhere on (y - mean) / scale instead of a fit.

        Args:
            theta: (size,), the parameters, laid out as in `theta_`.
            features: the number of features.
            mean, scale: (targets,), as `target_mean_` and `target_scale_`.
            transform: as `target_transform_`.

        Returns:
            The estimator.
        """
        self.theta_, self.target_mean_, self.target_scale_ = theta, mean, scale
        self.n_features_in_, self.n_outputs_, self._flat = features, len(mean), len(mean) == 1
        self.target_transform_: TargetTransform | None = transform
        self.target_transform = None if transform is None else transform.method
        return self

    def _standardised(self) -> bool:
        return losses.load(self._loss_and_number()[0]).standardise

    def _targets(self, y: Array) -> Array:
        try:
            y = np.asarray(y, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"y: {np.ravel(y)[0]!r}: give numbers") from None
        asked = self.target_transform
        if asked is not None and asked not in target_transforms.NAMES:
            known = ", ".join(target_transforms.NAMES)
            raise ValueError(f"target_transform: {asked!r}: must be None or one of {known}")
        if asked is not None and not self._standardised():
            raise ValueError(f"target_transform: {asked}: the Poisson loss takes none: give None")
        if asked is not None:
            try:
                target_transforms.check_domain(asked, y)
            except ValueError as error:
                raise ValueError(f"target_transform: {asked}: {error}") from None
        if not self._standardised() and (y < 0).any():
            raise ValueError(f"y: {y.min():g}: the Poisson loss takes no negative numbers")
        return y

    def _learn(self, y: Array, weights: Array | None, held: Array) -> None:
        self._flat, known = y.ndim == 1, ~held
        y = y[known].reshape(np.count_nonzero(known), -1)
        weights = None if weights is None else weights[known]
        self.n_outputs_ = y.shape[1]
        self.target_transform_ = self._transform(y)
        if self.target_transform_ is not None:
            y = self.target_transform_(y)
        mean = np.average(y, axis=0, weights=weights)
        spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
        if not self._standardised():
            mean, spread = np.zeros_like(mean), mean
        self.target_mean_, self.target_scale_ = mean, np.where(spread > 0, spread, 1.0)

    def _transform(self, y: Array) -> TargetTransform | None:
        if self.target_transform is None:
            return None
        try:
            return target_transforms.fit(self.target_transform, y)
        except ValueError as error:
            raise ValueError(f"target_transform: {self.target_transform}: {error}") from None

    def _coded(self, y: Array) -> Array:
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y: {y.shape[1]} targets: give {self.n_outputs_}, as in the fit before"
            )
        if self.target_transform_ is not None:
            y = self.target_transform_(y)
        coded: Array = (y - self.target_mean_) / self.target_scale_
        return coded

    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        return weights

    def predict(self, X: Any) -> Array:
        """Predictions in the units of the targets, with the shape of y."""
        scores = np.asarray(self._scores(X), np.float64)
        if not self._standardised():
            scores = np.exp(scores)
        predictions: Array = scores * self.target_scale_ + self.target_mean_
        # A model saved by an earlier version lacks this attribute.
        if (transform := getattr(self, "target_transform_", None)) is not None:
            predictions = transform.inverse(predictions)
        return predictions[:, 0] if self._flat else predictions


@dataclass(kw_only=True, eq=False, repr=False)
class AnyLossRegressor(Regressor):
    """A regressor with any loss: squared_error, huber, quantile or poisson.

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
