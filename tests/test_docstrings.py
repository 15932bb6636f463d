"""Docstrings: everything public has one, which names its hyperparameters and what it raises."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tuner.errors import UserError
from tuner.training import losses, optimizers, schedules
from tuner.training.domains import hyperparameters

REPOSITORY = Path(__file__).resolve().parents[1]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
# What tells of a mistake of the user or the caller; other errors are ours, or stop the work.
MISTAKES = {error.__name__ for error in (UserError, *UserError.__subclasses__())}
MISTAKES |= {"KeyError", "TypeError", "ValueError"}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


# Parsed, not imported: nothing heavy is loaded, and a file that cannot be imported counts too.
TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((REPOSITORY / "tuner").rglob("*.py"))
}
PUBLIC = [name for name in TREES if not any(map(private, name.split(".")))]


def definitions(scope: ast.AST) -> Iterator[Definition]:
    """Functions and classes of a module or a class; of a function, what is in it is its own."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from definitions(node)


@dataclass(frozen=True)
class Public:
    """A definition that other files can name, and the class that it stands in."""

    name: str
    node: Definition
    owner: ast.ClassDef | None

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""


def public(scope: ast.AST, prefix: str = "") -> Iterator[Public]:
    """The public definitions of a module, and of its public classes.

    Functions inside of functions are not: no other file can name them. Special methods are not:
    Python says what they do, and what an object is made of is in the docstring of its class.
    """
    owner = scope if isinstance(scope, ast.ClassDef) else None
    for node in definitions(scope):
        if not node.name.startswith("_"):
            yield Public(f"{prefix}{node.name}", node, owner)
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


def class_named(module: str, name: str) -> tuple[str, ast.ClassDef] | None:
    """The class of this package that a name means in a module, and the module that defines it."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and node.module in TREES:
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return class_named(node.module, alias.name)
    return None


def inherits(module: str, owner: ast.ClassDef, method: str) -> bool:
    """Whether a base of this package documents the method, which says what an override does too.

    Bases from outside do not count: their words are not about this package.
    """
    for base in owner.bases:
        found = class_named(module, base.id) if isinstance(base, ast.Name) else None
        if found is None:
            continue
        own = [node for node in definitions(found[1]) if node.name == method]
        if any(map(ast.get_docstring, own)) or inherits(*found, method):
            return True
    return False


def said_elsewhere(module: str, thing: Public) -> bool:
    """Whether a method overrides one that has a docstring, or sets what the getter describes."""
    if thing.owner is None or isinstance(thing.node, ast.ClassDef):
        return False
    setter = any(ast.unparse(d).endswith(".setter") for d in thing.node.decorator_list)
    return setter or inherits(module, thing.owner, thing.node.name)


def arguments(docstring: str) -> list[list[str]]:
    """The names that each entry of the section Args is about."""
    section = re.search(r"^Args:\n((?:    .*\n?)+)", docstring, re.MULTILINE)
    heads = re.findall(r"^    (\S[^:]*):", section.group(1), re.MULTILINE) if section else []
    return [[name.strip(" *") for name in head.split(",")] for head in heads]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def raised(node: Definition) -> set[str]:
    """The mistakes that a function, or the making of an object of a class, refuses by itself."""
    if isinstance(node, ast.ClassDef):
        made = [n for n in definitions(node) if n.name in ("__init__", "__post_init__")]
        return set().union(*map(raised, made))
    found, left = set(), list[ast.AST]([node])
    while left:
        inner = left.pop()
        match inner:
            case ast.Raise(exc=ast.Call(func=ast.Name(name)) | ast.Name(name)):
                found.add(name)
        left += [n for n in ast.iter_child_nodes(inner) if not isinstance(n, SCOPES)]
    return found & MISTAKES


@pytest.mark.parametrize("module", PUBLIC)
def test_everything_public_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(TREES[module])
    things = [thing for thing in public(TREES[module]) if not said_elsewhere(module, thing)]
    assert [thing.name for thing in things if not thing.docstring] == []


@pytest.mark.parametrize("module", PUBLIC)
def test_the_arguments_that_a_docstring_names_are_in_the_signature(module: str) -> None:
    wrong = {}
    for thing in public(TREES[module]):
        if isinstance(thing.node, Function):
            known = {arg.arg for arg in ast.walk(thing.node.args) if isinstance(arg, ast.arg)}
            named = {name for entry in arguments(thing.docstring) for name in entry}
            wrong |= {thing.name: named - known} if named - known else {}
    assert wrong == {}


@pytest.mark.parametrize("module", PUBLIC)
def test_a_docstring_says_what_is_raised(module: str) -> None:
    unsaid = {}
    for thing in public(TREES[module]):
        left = raised(thing.node) - words(thing.docstring.partition("Raises")[2])
        if left and not said_elsewhere(module, thing):
            unsaid[thing.name] = left
    assert unsaid == {}


def rules() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Everything that has hyperparameters of its own, by name."""
    for name in optimizers.names():
        yield f"optimizer {name}", optimizers.load(name).rule
    for name in schedules.names():
        schedule = schedules.load(name)
        for function in filter(None, (schedule.rate, schedule.momentum, schedule.state)):
            yield f"schedule {function.__name__}", function
    for name in losses.names():
        yield f"loss {name}", losses.load(name).rule


RULES = dict(rules())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_names_its_arguments_and_each_hyperparameter_on_a_line_of_its_own(rule: str) -> None:
    entries = arguments(inspect.getdoc(RULES[rule]) or "")
    own = list(hyperparameters(RULES[rule]))
    assert [name for entry in entries for name in entry if len(entry) == 1 and name in own] == own
    if own:
        named = sorted(name for entry in entries for name in entry)
        assert named == sorted(inspect.signature(RULES[rule]).parameters)
