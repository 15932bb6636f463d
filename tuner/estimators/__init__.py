"""Estimators: the scikit-learn interface of the numeric core."""

from typing import Any

from tuner.deprecation import warn_deprecated
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
    """TunerSearchCV under its old, deprecated name: it has moved to tuner.model_selection."""
    if name == "TunerSearchCV":
        from importlib import import_module

        new = f"tuner.model_selection.{name}"
        warn_deprecated(f"{__name__}.{name}", new, since="1.0", until="2.0")
        return import_module("tuner.model_selection").TunerSearchCV
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
