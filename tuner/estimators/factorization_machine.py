"""Factorization machines: linear models plus products of every pair of features."""

from dataclasses import dataclass
from typing import ClassVar

from tuner.estimators.base import Estimator
from tuner.estimators.classifiers import AnyLossClassifier
from tuner.estimators.limits import WHOLE, Limit
from tuner.estimators.regressors import AnyLossRegressor
from tuner.training.factorization_machine import FactorizationMachine


@dataclass(kw_only=True, eq=False, repr=False)
class Factorized(Estimator):
    """A factorization machine of order two (Rendle 2010).

    Args:
        factors: the length of the latent factors. Each feature has one vector of them; the products
            of two vectors weigh the pair of features.
    """

    MODEL: ClassVar = FactorizationMachine
    SHAPE: ClassVar = ("factors",)
    SIZING: ClassVar = ("factors",)
    factors: int = 8

    def _model(self, outputs: int) -> FactorizationMachine:
        return FactorizationMachine(self.n_features_in_, outputs, self.factors)

    def _limits(self) -> dict[str, Limit]:
        return super()._limits() | {"factors": WHOLE}


@dataclass(kw_only=True, eq=False, repr=False)
class FactorizationMachineClassifier(Factorized, AnyLossClassifier):
    """A factorization machine of order two (Rendle 2010) for classes or labels.

    Args:
        factors: the length of the latent factors. Each feature has one vector of them; the products
            of two vectors weigh the pair of features.
        loss: a name, or a Loss with its number, such as Loss("cross_entropy", label_smoothing=0.1);
            None is cross_entropy for three or more classes, and logistic for two classes and for
            labels. With hinge and squared_hinge there are no probabilities.
        class_weight: a mapping from classes to weights, "balanced", or None. The weights multiply
            sample_weight in training; the validation curves do not use them.
        others: as in Estimator.
    """


@dataclass(kw_only=True, eq=False, repr=False)
class FactorizationMachineRegressor(Factorized, AnyLossRegressor):
    """A factorization machine of order two (Rendle 2010) for numbers.

    Args:
        factors: the length of the latent factors. Each feature has one vector of them; the products
            of two vectors weigh the pair of features.
        loss: a name, or a Loss with its number, such as Loss("quantile", quantile=0.9).
        others: as in Estimator.
    """
