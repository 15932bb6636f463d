"""Discovery: finds the modules of a package, so that nothing has to be registered."""

from importlib import import_module
from importlib.util import find_spec
from inspect import isabstract, isclass
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def names(package: str) -> list[str]:
    """The modules of a package that do not start with an underscore, in order.

    Args:
        package: its full name, such as `tuner.search.samplers`. Folders added to its `__path__`
            count as well.
    """
    path = import_module(package).__path__
    return sorted(module.name for module in iter_modules(path) if module.name[0] != "_")


def load(package: str, name: str) -> ModuleType:
    """The module of that name in a package.

    Raises:
        KeyError: if the package has no module of that name.
    """
    if name not in names(package):
        raise KeyError(name)
    return import_module(f"{package}.{name}")


def load_class(package: str, name: str, base: type) -> Any:
    """The only concrete subclass of a base class that a module of a package defines.

    Raises:
        KeyError: if the package has no module of that name.
        TypeError: if the module defines none, or several.
    """
    module = load(package, name)
    found = [
        value
        for value in vars(module).values()
        if isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
        if not isabstract(value)
    ]
    if len(found) != 1:
        raise TypeError(
            f"{module.__file__}: defines {len(found)} concrete subclasses of {base.__name__}: "
            "it must define one"
        )
    return found[0]


def first_line(package: str, name: str) -> str:
    """The first line of a module's docstring, read without importing the module."""
    spec = find_spec(f"{package}.{name}")
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        return file.readline().strip().strip('"')
