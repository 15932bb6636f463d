"""The public estimators of this package, and the types that saved files may contain."""

from inspect import isabstract, isclass
from typing import Any

from tuner import discovery
from tuner.estimators.base import Estimator
from tuner.estimators.components import Loss, Optimizer, Schedule

# The type of a saved search, by name, because this package cannot import it.
SEARCH = "tuner.model_selection.search.TunerSearchCV"
# A type without code to run that skops does not trust by default; scikit-learn's SimpleImputer
# holds one.
HARMLESS = ("numpy.dtype",)
# Types and functions of tuner's own preprocessing, outside this package.
TRANSFORMERS = ("Hashed", "Robust", "TargetMeans", "Text")
PREPARING = (
    "tuner.data.date_parts.numbers",
    "tuner.training.target_transforms.TargetTransform",
    *(f"tuner.data.transformers.{name}" for name in TRANSFORMERS),
)


def estimators() -> list[type[Any]]:
    """All concrete estimators that modules of this package define, sorted by name."""
    package = __name__.rpartition(".")[0]
    modules = [discovery.load(package, name) for name in discovery.names(package)]
    found = {kind for module in modules for kind in vars(module).values() if isclass(kind)}
    own = {kind for kind in found if issubclass(kind, Estimator) and not isabstract(kind)}
    return sorted(own, key=lambda kind: kind.__name__)


def own_types() -> list[str]:
    """Full names of tuner's types in saved estimators, and of types and functions in their
    preprocessing."""
    own = [*estimators(), Loss, Optimizer, Schedule]
    names = [f"{kind.__module__}.{kind.__name__}" for kind in own]
    return [*names, SEARCH, *HARMLESS, *PREPARING]
