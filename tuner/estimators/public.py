"""The public estimators of this package, found, and the limits of their parameters."""

from inspect import isabstract, isclass
from typing import Any

from tuner import discovery
from tuner.estimators.base import Estimator
from tuner.estimators.components import Loss, Optimizer, Schedule

# What a saved search is; it stands above this wing.
SEARCH = "tuner.model_selection.search.TunerSearchCV"
# Which skops does not know, though it runs no code: scikit-learn's SimpleImputer holds one.
HARMLESS = ("numpy.dtype",)
# What stands beside this wing in the preprocessing, and scikit-learn has not.
TRANSFORMERS = ("Hashed", "Robust", "TargetMeans", "Text")
PREPARING = (
    "tuner.data.date_parts.numbers",
    "tuner.training.target_transforms.TargetTransform",
    *(f"tuner.data.transformers.{name}" for name in TRANSFORMERS),
)


def estimators() -> list[type[Any]]:
    """Every concrete estimator that a module of this wing defines, by name."""
    package = __name__.rpartition(".")[0]
    modules = [discovery.load(package, name) for name in discovery.names(package)]
    found = {kind for module in modules for kind in vars(module).values() if isclass(kind)}
    own = {kind for kind in found if issubclass(kind, Estimator) and not isabstract(kind)}
    return sorted(own, key=lambda kind: kind.__name__)


def own_types() -> list[str]:
    """Full names of the types of tuner that a saved estimator may hold, and of those and the
    functions that the preprocessing before it may."""
    own = [*estimators(), Loss, Optimizer, Schedule]
    names = [f"{kind.__module__}.{kind.__name__}" for kind in own]
    return [*names, SEARCH, *HARMLESS, *PREPARING]
