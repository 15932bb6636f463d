"""Model selection: a search as an estimator of scikit-learn."""

from tuner.model_selection.search import TunerSearchCV

__all__ = ["TunerSearchCV"]
