"""Discovery: what a folder holds is found, so nothing has to be registered."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def names(package: str) -> list[str]:
    """The modules of a package that do not start with an underscore, in order.

    Args:
        package: its full name, as `tuner.search.samplers`. Folders that were added to its
            `__path__` count as well.
    """
    path = import_module(package).__path__
    return sorted(module.name for module in iter_modules(path) if module.name[0] != "_")


@cache
def load(package: str, name: str) -> ModuleType:
    """The module of that name in a package.

    Raises:
        KeyError: where the package has no module of that name.
    """
    if name not in names(package):
        raise KeyError(name)
    return import_module(f"{package}.{name}")
