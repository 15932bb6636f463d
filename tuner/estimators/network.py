"""Networks and linear models as scikit-learn estimators, trained by the numeric core."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tuner.training import optimizers, schedules
from tuner.training.loop import Trainer
from tuner.training.losses import LOSSES, Loss
from tuner.training.models import MLP
from tuner.training.population import Member, create, evaluated
from tuner.training.problems import Supervised

Array = np.ndarray


class _Network(BaseEstimator):  # type: ignore[misc]
    """A fully connected network, or without hidden layers a linear model.

    hidden: widths of the hidden layers; activation: relu, tanh or logistic; optimizer, schedule:
    names in tuner.training, with settings that replace their textbook defaults (`lr` is one);
    batch_size: samples in a step; epochs: passes over the data; dtype: of the parameters;
    random_state: seed of the initialisation and of the order of the batches.

    Fitted: theta_ (size,) the parameters, n_features_in_, and what the kind of target needs.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (64,),
        activation: str = "relu",
        optimizer: str = "adam",
        optimizer_settings: Mapping[str, float] | None = None,
        schedule: str = "constant",
        schedule_settings: Mapping[str, float] | None = None,
        batch_size: int = 32,
        epochs: int = 30,
        dtype: str = "float32",
        random_state: int = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.optimizer_settings = optimizer_settings
        self.schedule = schedule
        self.schedule_settings = schedule_settings
        self.batch_size = batch_size
        self.epochs = epochs
        self.dtype = dtype
        self.random_state = random_state

    def network(self, outputs: int) -> MLP:
        return MLP(self.n_features_in_, outputs, tuple(self.hidden), self.activation)

    def member(self) -> Member:
        """The row of a population that this estimator is."""
        known = optimizers.load(self.optimizer).hyperparameters
        laid_out = schedules.schedule_hyperparameters(self.schedule)
        return Member(
            trial=0,
            seed=self.random_state,
            optimizer=self.optimizer,
            settings={k: h.default for k, h in known.items()} | dict(self.optimizer_settings or {}),
            schedule=self.schedule,
            schedule_settings={k: h.default for k, h in laid_out.items()}
            | dict(self.schedule_settings or {}),
        )

    def _train(self, loss: Loss, X: Array, y: Array, outputs: int) -> None:
        problem = Supervised(self.network(outputs), loss, X, y, None, None, self.batch_size)
        population = create(problem, [self.member()])
        with Trainer(problem, self.epochs) as trainer:
            for epoch in range(1, self.epochs + 1):
                trainer.epoch(population, epoch)
        self.theta_ = evaluated(population)[0]

    def _scores(self, X: Any, outputs: int) -> Array:
        """Scores (samples, outputs) of raw rows."""
        check_is_fitted(self, "theta_")
        X = validate_data(self, X, dtype=self.dtype, order="C", reset=False)
        return self.network(outputs).scores(self.theta_, X)


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    __doc__ = _Network.__doc__

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on X (samples, features) and labels y (samples,), two classes or more."""
        X, y = validate_data(self, X, y, dtype=self.dtype, order="C")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_[0]!r}: two or more are needed")
        loss = LOSSES["binary" if self._outputs == 1 else "multiclass"]
        self._train(loss, X, codes, self._outputs)
        return self

    def adopt(self, theta: Array, features: int, classes: Array) -> Self:
        """Takes parameters (size,) that were trained elsewhere."""
        self.theta_, self.classes_, self.n_features_in_ = theta, classes, features
        return self

    @property
    def _outputs(self) -> int:
        """Two classes need one score; a softmax over two has twice the parameters it needs."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def decision_function(self, X: Any) -> Array:
        """Scores (samples, classes), or (samples,) for the second of two classes."""
        check_is_fitted(self, "theta_")
        scores = self._scores(X, self._outputs)
        return scores[:, 0] if self._outputs == 1 else scores

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (samples, classes)."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            positive = expit(scores)
            return np.stack([1 - positive, positive], axis=1)
        probabilities: Array = softmax(scores, axis=1)
        return probabilities

    def predict(self, X: Any) -> Array:
        """Labels (samples,)."""
        scores = self.decision_function(X)
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        labels: Array = self.classes_[codes]
        return labels


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    __doc__ = _Network.__doc__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Trains on X (samples, features) and y (samples,) or (samples, outputs).

        Targets are standardised for training, so that rates do not depend on their unit.
        """
        X, y = validate_data(
            self, X, y, dtype=self.dtype, order="C", multi_output=True, y_numeric=True
        )
        targets = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        self.target_mean_ = targets.mean(axis=0)
        spread = targets.std(axis=0)
        self.target_scale_ = np.where(spread > 0, spread, 1.0)
        self.flat_ = np.ndim(y) == 1
        scaled = ((targets - self.target_mean_) / self.target_scale_).astype(self.dtype)
        self._train(LOSSES["regression"], X, scaled, targets.shape[1])
        return self

    def adopt(self, theta: Array, features: int, mean: Array, scale: Array) -> Self:
        """Takes parameters (size,) that were trained elsewhere on standardised targets."""
        self.theta_, self.target_mean_, self.target_scale_ = theta, mean, scale
        self.n_features_in_, self.flat_ = features, len(mean) == 1
        return self

    def predict(self, X: Any) -> Array:
        """Predictions in the unit of the targets, shaped as y was."""
        check_is_fitted(self, "theta_")
        scores = self._scores(X, len(self.target_mean_)) * self.target_scale_ + self.target_mean_
        predictions: Array = scores[:, 0] if self.flat_ else scores
        return predictions
