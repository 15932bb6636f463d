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
    """A network with hidden layers.

    Args:
        hidden: the widths of the hidden layers, from the features to the output.
        activation: the name of an activation in tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether the inputs of each activation are normalised over the layer.
        dropout: the share of the hidden units that each step leaves out.
    """

    MODEL: ClassVar = MLP
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
        hidden: the widths of the hidden layers, from the features to the output.
        activation: the name of an activation in tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether the inputs of each activation are normalised over the layer.
        dropout: the share of the hidden units that each step leaves out.
        loss: a name, or a Loss with its number, such as Loss("cross_entropy", label_smoothing=0.1);
            None is cross_entropy for three or more classes, and logistic for two classes and for
            labels. With hinge and squared_hinge there are no probabilities.
        class_weight: a mapping from classes to weights, "balanced", or None. The weights multiply
            sample_weight in training; the validation curves do not use them.
        others: as in Estimator.
    """


@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(Network, AnyLossRegressor):
    """A multilayer perceptron for numbers.

    Args:
        hidden: the widths of the hidden layers, from the features to the output.
        activation: the name of an activation in tuner.training.activations.
        initialization: glorot or he.
        layer_norm: whether the inputs of each activation are normalised over the layer.
        dropout: the share of the hidden units that each step leaves out.
        loss: a name, or a Loss with its number, such as Loss("quantile", quantile=0.9).
        others: as in Estimator.
    """
