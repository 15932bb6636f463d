"""tuner: an experiment-tracking hyperparameter tuner for models trained by gradient descent.

For your own training function: `main` makes it a command, `tune` tunes it from Python, `range`,
`choices` and `branch` declare the search space, `save` keeps a model.
"""

import random
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from tuner.declarations import Branch, branch, choices, range

if TYPE_CHECKING:
    from tuner.own_command import main
    from tuner.study.calls.call import save
    from tuner.tuning import tune

__version__ = "1.0.0"

__all__ = ["Branch", "branch", "choices", "main", "range", "save", "tune"]

# Names that are imported lazily, because their modules take time to import.
WAITING = {
    "main": "tuner.own_command",
    "save": "tuner.study.calls.call",
    "tune": "tuner.tuning",
}


def __getattr__(name: str) -> object:
    """Imports a lazy name from its module."""
    if name in WAITING:
        with warnings.catch_warnings():
            # Optuna imports tqdm, which warns in a notebook without widgets.
            warnings.filterwarnings("ignore", "IProgress not found")
            drawn = random.getstate()  # importing rich draws numbers
            found: object = getattr(import_module(WAITING[name]), name)
            random.setstate(drawn)
        return found
    raise AttributeError(f"module 'tuner' has no attribute {name!r}")
