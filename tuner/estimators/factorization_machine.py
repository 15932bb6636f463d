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
    __doc__ = f"{AnyLossClassifier.__doc__}\n{Factorized.__doc__}"


@dataclass(kw_only=True, eq=False, repr=False)
class FactorizationMachineRegressor(Factorized, AnyLossRegressor):
    __doc__ = f"{AnyLossRegressor.__doc__}\n{Factorized.__doc__}"
