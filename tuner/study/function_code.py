"""The code of a user's function: a digest that changes with what its numbers hang on."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

# Values that stay what they are, and whose text tells all of them; so do tuples of these.
PLAIN = (int, float, complex, str, bytes, bool, type(None))


def digest(call: Callable[..., Any]) -> str:
    """Sixteen digits of the source of a function, and of all that it names of its own module.

    What else stands in the file does not count: a script may ask for more trials. A cell of a
    notebook has no file, but its source is known. Of what has no source the compiled code counts.

    Args:
        call: the function.
    """
    return hashlib.sha256("\0".join(_ingredients(call)).encode()).hexdigest()[:16]


def _ingredients(call: Callable[..., Any]) -> Iterator[str]:
    """Sources and plain values, each once, in the order in which they are named."""
    module, seen = getattr(call, "__module__", None), set[int]()
    waiting: list[tuple[str, Any]] = [("", call)]
    while waiting:
        name, given = waiting.pop(0)
        found = inspect.unwrap(given) if hasattr(given, "__wrapped__") else given
        if _is_plain(found):
            yield f"{name} = {found!r}"
        elif id(found) not in seen and getattr(found, "__module__", None) == module:
            seen.add(id(found))
            if isinstance(found, FunctionType):
                yield _source(found)
                waiting += _named(found)
            elif isinstance(found, type):
                yield _source(found)
                waiting += [("", base) for base in found.__bases__]
                waiting += [("", own) for own in _methods(found)]


def _is_plain(found: Any) -> bool:
    if isinstance(found, tuple):
        return all(map(_is_plain, found))
    return isinstance(found, PLAIN)


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function names, of its module and of the functions around it."""
    for name in dict.fromkeys(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # it is not set yet
            yield name, cell.cell_contents


def _names(code: CodeType) -> Iterator[str]:
    """All names in a function's code, and in those of functions within it."""
    yield from code.co_names
    for own in code.co_consts:
        if isinstance(own, CodeType):
            yield from _names(own)


def _methods(kind: type) -> Iterator[FunctionType]:
    """The methods of a class, static ones and properties too."""
    for own in vars(kind).values():
        method = getattr(own, "__func__", getattr(own, "fget", own))
        if isinstance(method, FunctionType):
            yield method


def _source(found: Any) -> str:
    """The source of a function or a class; of what has none, what was made of it."""
    try:
        return inspect.getsource(found)
    except (OSError, TypeError):
        pass
    if isinstance(found, FunctionType):
        return "\n".join(_compiled(found.__code__))
    # A class of a notebook has no file. Its methods follow; this is what it says beside them.
    plain = {key: own for key, own in vars(found).items() if _is_plain(own) and key[:2] != "__"}
    return f"{found.__qualname__} {plain}"


def _compiled(code: CodeType) -> Iterator[str]:
    """What tells one compiled code from another, on this version of Python."""
    yield f"{sys.version_info[:2]} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for own in code.co_consts:
        if isinstance(own, CodeType):
            yield from _compiled(own)
        else:
            yield repr(sorted(map(repr, own)) if isinstance(own, frozenset) else own)
