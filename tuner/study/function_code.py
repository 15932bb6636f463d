"""The code of a user's function: a digest of everything its numbers depend on."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any

# Pairs of a name and its value.
Named = Iterator[tuple[str, Any]]

# Immutable types whose `repr` says everything about a value; tuples of these count as well.
PLAIN = (int, float, complex, str, bytes, bool, type(None))


def digest(call: Callable[..., Any]) -> str:
    """A digest (16 hex digits) of a function's source and of all that it uses of its own module.

    Other code of the file does not count: a script may change to request more trials. Neither do
    comments, nor the function's defaults, which are in the config. A module variable counts by its
    source text, not by its value, which may depend on the environment or the time. A notebook cell
    has no file, but its source is known. Without a source, the compiled code and the value count.

    Args:
        call: the function.
    """
    return hashlib.sha256("\0".join(_ingredients(call)).encode()).hexdigest()[:16]


def _ingredients(call: Callable[..., Any]) -> Iterator[str]:
    """Sources and plain values, each once, in the order in which the code names them."""
    module, seen, told = getattr(call, "__module__", None), set[int](), set[str]()
    waiting: list[tuple[str, Any]] = [("", call)]
    while waiting:
        name, given = waiting.pop(0)
        found = inspect.unwrap(given) if hasattr(given, "__wrapped__") else given
        if _is_plain(found):
            written = _written(module, name) if name and name not in told else []
            if written or name not in told:
                yield from map(ast.dump, written) if written else [f"{name} = {found!r}"]
            told |= {name} if name else set()
            waiting += _within(written, call, name)
        elif id(found) not in seen and getattr(found, "__module__", None) == module:
            seen.add(id(found))
            if isinstance(found, FunctionType):
                yield _source(found, own=found is inspect.unwrap(call))
                waiting += _named(found)
            elif isinstance(found, type):
                yield _source(found)
                waiting += [("", base) for base in found.__bases__]
                waiting += [("", own) for own in _methods(found)]


def _written(module: str | None, name: str) -> list[ast.stmt]:
    """The statements of a module's file that assign a name; empty if the module has no file."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module or ""]))
    except (OSError, TypeError, SyntaxError, KeyError):
        return []
    return [
        statement
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        and any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
            for node in ast.walk(statement)
        )
    ]


def _within(statements: list[ast.stmt], call: Callable[..., Any], name: str) -> Named:
    """The names of the function's module that statements use, without `name` itself."""
    known = getattr(inspect.unwrap(call), "__globals__", {})
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.Name) and node.id != name and node.id in known:
            yield node.id, known[node.id]


def _is_plain(found: Any) -> bool:
    if isinstance(found, tuple):
        return all(map(_is_plain, found))
    return isinstance(found, PLAIN)


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function uses of its module and of its enclosing functions."""
    for name in dict.fromkeys(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            yield "", cell.cell_contents  # not a name of the module


def _names(code: CodeType) -> Iterator[str]:
    """All names in a function's code, including nested functions."""
    yield from code.co_names
    for own in code.co_consts:
        if isinstance(own, CodeType):
            yield from _names(own)


def _methods(kind: type) -> Iterator[FunctionType]:
    """The methods of a class, including static methods and properties."""
    for own in vars(kind).values():
        method = getattr(own, "__func__", getattr(own, "fget", own))
        if isinstance(method, FunctionType):
            yield method


def _source(found: Any, own: bool = False) -> str:
    """The source of a function or a class; without a source, its compiled form.

    Args:
        found: the function or the class.
        own: whether it is the user's training function, whose defaults do not count.
    """
    try:
        tree = ast.parse(dedent(inspect.getsource(found)))
    except (OSError, TypeError, SyntaxError):
        pass
    else:
        for node in tree.body if own else ():
            if isinstance(node, ast.FunctionDef):
                node.args.defaults, node.args.kw_defaults = [], []
        return ast.dump(tree)
    if isinstance(found, FunctionType):
        return "\n".join(_compiled(found.__code__))
    # A class of a notebook has no file. Its methods are digested separately; this adds its plain
    # attributes.
    plain = {key: own for key, own in vars(found).items() if _is_plain(own) and key[:2] != "__"}
    return f"{found.__qualname__} {plain}"


def _compiled(code: CodeType) -> Iterator[str]:
    """What identifies compiled code, on this version of Python."""
    yield f"{sys.version_info[:2]} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for own in code.co_consts:
        if isinstance(own, CodeType):
            yield from _compiled(own)
        else:
            yield repr(sorted(map(repr, own)) if isinstance(own, frozenset) else own)
