"""Factorization machines: linear models with a product for each pair of features."""

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
        factors: the length of the vectors, one a feature, whose products weigh pairs of features.
    """

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
        factors: the length of the vectors, one a feature, whose products weigh pairs of features.
        loss: a name, or Loss("cross_entropy", label_smoothing=...) and the like; None is
            cross_entropy for several classes, and logistic for two or for labels. hinge and
            squared_hinge give no probabilities.
        class_weight: a mapping from classes to weights, "balanced", or None; it multiplies
            sample_weight in training, and does not touch the validation curves.
        others: as Estimator has them.
    """


@dataclass(kw_only=True, eq=False, repr=False)
class FactorizationMachineRegressor(Factorized, AnyLossRegressor):
    """A factorization machine of order two (Rendle 2010) for numbers.

    Args:
        factors: the length of the vectors, one a feature, whose products weigh pairs of features.
        loss: a name, or Loss("quantile", quantile=0.9) and the like.
        others: as Estimator has them.
    """
