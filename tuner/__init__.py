"""tuner: an experiment-tracking hyperparameter tuner for models trained by gradient descent."""

__version__ = "0.1.0"
