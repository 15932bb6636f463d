"""Model selection: a search with scikit-learn's interface."""

from tuner.model_selection.search import TunerSearchCV

__all__ = ["TunerSearchCV"]
