"""tuner: an experiment-tracking hyperparameter tuner for models trained by gradient descent.

What a training function of one's own needs is here: `main` makes it a command, `tune` tunes it
from Python, `range`, `choices` and `branch` declare what is searched, `save` keeps a model.
"""

from importlib import import_module

from tuner.function import Branch, branch, choices, range

__version__ = "0.1.0"

__all__ = ["Branch", "branch", "choices", "main", "range", "save"]


# What takes time to import waits until it is asked for: the modules, by name.
LATER = {"main": "tuner.own_command", "save": "tuner.study.runners.calls"}


def __getattr__(name: str) -> object:
    """What is in LATER."""
    if name in LATER:
        found: object = getattr(import_module(LATER[name]), name)
        return found
    raise AttributeError(f"module 'tuner' has no attribute {name!r}")
