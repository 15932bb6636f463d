"""Scikit-learn's face of the numeric core."""

from tuner.estimators.components import Loss, Optimizer, Schedule
from tuner.estimators.factorization_machine import (
    FactorizationMachineClassifier,
    FactorizationMachineRegressor,
)
from tuner.estimators.linear_classifiers import (
    LinearSVMClassifier,
    LogisticClassifier,
    SoftmaxClassifier,
)
from tuner.estimators.linear_regressors import (
    HuberRegressor,
    LinearRegressor,
    PoissonRegressor,
    QuantileRegressor,
)
from tuner.estimators.mlp import MLPClassifier, MLPRegressor
from tuner.estimators.saving import load, save
from tuner.estimators.search import TunerSearchCV

__all__ = [
    "FactorizationMachineClassifier",
    "FactorizationMachineRegressor",
    "HuberRegressor",
    "LinearRegressor",
    "LinearSVMClassifier",
    "LogisticClassifier",
    "Loss",
    "MLPClassifier",
    "MLPRegressor",
    "Optimizer",
    "PoissonRegressor",
    "QuantileRegressor",
    "Schedule",
    "SoftmaxClassifier",
    "TunerSearchCV",
    "load",
    "save",
]
