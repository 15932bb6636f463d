"""Linear models: a single layer."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from tuner.training.models import MLP

Array = np.ndarray


class Linear:
    """A model whose scores are linear in X."""

    n_features_in_: int

    def _model(self, outputs: int) -> MLP:
        return MLP(self.n_features_in_, outputs)


def layer(estimator: Any) -> tuple[Array, Array]:
    """The weights (scores, features) and biases (scores,) of a fitted linear estimator."""
    check_is_fitted(estimator, "theta_")
    weights = estimator.n_features_in_ * estimator.n_outputs_
    W = estimator.theta_[:weights].reshape(estimator.n_features_in_, estimator.n_outputs_)
    return W.T, estimator.theta_[weights:]
