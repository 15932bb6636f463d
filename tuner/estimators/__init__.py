"""Scikit-learn's face of the numeric core."""

from typing import Any

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
    "load",
    "save",
]


def __getattr__(name: str) -> Any:
    """TunerSearchCV, a study in one call, stands above this wing; it is found here as well."""
    if name == "TunerSearchCV":
        from importlib import import_module

        return import_module("tuner.model_selection").TunerSearchCV
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
