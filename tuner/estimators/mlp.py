"""Multilayer perceptrons: fully connected networks of any depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tuner.estimators.base import Estimator
from tuner.estimators.classifiers import AnyLossClassifier
from tuner.estimators.limits import FRACTION, WIDTHS, Limit, one_of
from tuner.estimators.regressors import AnyLossRegressor
from tuner.training import activations
from tuner.training.models import MLP


@dataclass(kw_only=True, eq=False, repr=False)
class Network(Estimator):
    """A network of hidden layers.

    Args:
        hidden: their widths, the first one nearest to the features.
        activation: the name of one of tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether what goes into an activation is normalised.
        dropout: share of the hidden units that a step leaves out.
    """

    SHAPE: ClassVar = ("hidden", "activation", "initialization", "layer_norm")
    SIZING: ClassVar = ("hidden", "layer_norm")
    hidden: Sequence[int] = (100,)
    activation: str = "relu"
    initialization: Literal["glorot", "he"] = "glorot"
    layer_norm: bool = False
    dropout: float = 0.0

    def _model(self, outputs: int) -> MLP:
        return MLP(
            self.n_features_in_,
            outputs,
            tuple(self.hidden),
            self.activation,
            self.initialization,
            self.layer_norm,
        )

    def _numbers(self) -> dict[str, float]:
        return super()._numbers() | {"dropout": self.dropout}

    def _limits(self) -> dict[str, Limit]:
        return super()._limits() | {
            "hidden": WIDTHS,
            "activation": one_of(activations.names()),
            "initialization": one_of(("glorot", "he")),
            "dropout": FRACTION,
        }


@dataclass(kw_only=True, eq=False, repr=False)
class MLPClassifier(Network, AnyLossClassifier):
    """A multilayer perceptron for classes or labels.

    Args:
        hidden: widths of the hidden layers, the first one nearest to the features.
        activation: the name of one of tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether what goes into an activation is normalised.
        dropout: share of the hidden units that a step leaves out.
        loss: a name, or Loss("cross_entropy", label_smoothing=...) and the like; None is
            cross_entropy for several classes, and logistic for two or for labels. hinge and
            squared_hinge give no probabilities.
        class_weight: a mapping from classes to weights, "balanced", or None; it multiplies
            sample_weight in training, and does not touch the validation curves.
        others: as Estimator has them.
    """


@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(Network, AnyLossRegressor):
    """A multilayer perceptron for numbers.

    Args:
        hidden: widths of the hidden layers, the first one nearest to the features.
        activation: the name of one of tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether what goes into an activation is normalised.
        dropout: share of the hidden units that a step leaves out.
        loss: a name, or Loss("quantile", quantile=0.9) and the like.
        others: as Estimator has them.
    """
