"""Scikit-learn's face of the numeric core."""

from tuner.estimators.network import NetworkClassifier, NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
