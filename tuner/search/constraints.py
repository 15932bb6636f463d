"""Conditions on settings, such as `momentum < 1 - lr`: parsed, never evaluated as Python."""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from tuner.codec import Settings
from tuner.errors import UserError, did_you_mean

LONGEST = 200
NUMBER, TEXT, TRUTH = "a number", "text", "a comparison"

_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "sqrt": math.sqrt,
}
_SEVERAL = ("min", "max")
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ALLOWED = (
    "settings, numbers and 'text' compared by < <= > >= == !=, joined by and, or, not; "
    f"+ - * / ** {' '.join(_FUNCTIONS)}"
)


@dataclass(frozen=True)
class _Part:
    """A part of a condition.

    Attributes:
        kind: the kind of its value: a number, text or a comparison.
        value: computes it from a trial's settings.
    """

    kind: str
    value: Callable[[Settings], Any]


@dataclass(frozen=True)
class Condition:
    """A condition that the settings of a trial must satisfy.

    Attributes:
        text: as the user wrote it.
        value: evaluates it for a trial's settings.
        names: for each setting that it names, the paths that the name may mean.
    """

    text: str
    value: Callable[[Settings], Any]
    names: tuple[Sequence[str], ...]

    def holds(self, settings: Settings) -> bool:
        """Whether the settings satisfy it.

        It is satisfied if a setting that it names is absent, such as one of a branch not taken. It
        is not satisfied if its arithmetic fails, for example by a division by zero.
        """
        if not all(any(path in settings for path in paths) for paths in self.names):
            return True
        try:
            return bool(self.value(settings))
        except (ArithmeticError, ValueError):
            return False


def kind(values: Sequence[Any]) -> str:
    """The kind of a setting with these values in a condition; "" if it cannot be compared."""
    if all(isinstance(value, str) for value in values):
        return TEXT
    return NUMBER if all(isinstance(value, int | float) for value in values) else ""


def parse(text: Any, kinds: Mapping[str, str], branches: Iterable[str]) -> Condition:
    """Parses a condition.

    A setting is named by its path, with [0] for the index of a number, or by the end of its path if
    that is unambiguous. A name that several options of a branch share means that of the option
    taken.

    Args:
        text: as the user wrote it.
        kinds: the kind of each path: NUMBER, TEXT, or "" for what cannot be compared.
        branches: the groups whose options exclude each other.

    Raises:
        UserError: the text does not follow the grammar, or a name is unknown or ambiguous.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise UserError(
            f"where: {str(text)[:60]!r}: must be text of at most {LONGEST} characters, as "
            "'momentum < 1 - lr'"
        )
    text = " ".join(text.split())
    reader = _Reader(text, kinds, tuple(branches), [])
    try:
        tree = ast.parse(text, mode="eval").body
        part = reader.read(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        raise UserError(f"where: {text[:60]}: cannot be read: allowed are {ALLOWED}") from None
    if part.kind != TRUTH:
        raise UserError(f"where: {text}: must be a comparison, as 'momentum < 1 - lr'")
    return Condition(text, part.value, tuple(reader.names))


@dataclass(frozen=True)
class _Reader:
    text: str
    kinds: Mapping[str, str]
    branches: tuple[str, ...]
    names: list[Sequence[str]]

    def read(self, node: ast.AST) -> _Part:
        match node:
            case ast.Constant(value=bool()):
                raise self.refusal(node)
            case ast.Constant(value=int() | float() as number):
                return _Part(NUMBER, _constant(float(number)))
            case ast.Constant(value=str() as text):
                return _Part(TEXT, _constant(text))
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self.setting(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inside = self.of(TRUTH, operand)
                return _Part(TRUTH, lambda s: not inside(s))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return _Part(NUMBER, _applied(_OPERATORS[type(op)], [self.of(NUMBER, operand)]))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                both = [self.of(NUMBER, left), self.of(NUMBER, right)]
                return _Part(NUMBER, _applied(_OPERATORS[type(op)], both))
            case ast.BoolOp(op=op, values=values):
                parts = [self.of(TRUTH, value) for value in values]
                every = all if isinstance(op, ast.And) else any
                return _Part(TRUTH, lambda s: every(part(s) for part in parts))
            case ast.Compare():
                return self.comparison(node)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                if not args or (len(args) == 1) == (name in _SEVERAL):
                    raise self.refusal(node)
                inner = [self.of(NUMBER, argument) for argument in args]
                return _Part(NUMBER, _applied(_FUNCTIONS[name], inner))
        raise self.refusal(node)

    def of(self, kind: str, node: ast.AST) -> Callable[[Settings], Any]:
        """The value of a part that must be of this kind."""
        part = self.read(node)
        if part.kind != kind:
            raise UserError(f"where: {self.text}: {ast.unparse(node)}: must be {kind}")
        return part.value

    def comparison(self, node: ast.Compare) -> _Part:
        nodes = [node.left, *node.comparators]
        parts = [self.read(n) for n in nodes]
        for op, (left, right) in zip(node.ops, pairwise(parts), strict=True):
            texts = left.kind == right.kind == TEXT and isinstance(op, ast.Eq | ast.NotEq)
            numbers = left.kind == right.kind == NUMBER
            if type(op) not in _OPERATORS or not (texts or numbers):
                raise UserError(
                    f"where: {self.text}: must compare numbers with numbers, or text with == or != "
                    "with text"
                )
        tests = [_OPERATORS[type(op)] for op in node.ops]
        values = [part.value for part in parts]
        return _Part(TRUTH, lambda s: _chain(tests, [value(s) for value in values]))

    def setting(self, node: ast.AST) -> _Part:
        name = self.path(node)
        paths = self.paths(name)
        kinds = {self.kinds[path] for path in paths}
        if len(kinds) > 1 or "" in kinds:
            raise UserError(f"where: {self.text}: {name}: must be a number or text everywhere")

        self.names.append(paths)
        return _Part(kinds.pop(), lambda s: next(s[path] for path in paths if path in s))

    def path(self, node: ast.AST) -> str:
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=value, attr=name):
                return f"{self.path(value)}.{name}"
            case ast.Subscript(value=value, slice=ast.Constant(value=int() as place)):
                return f"{self.path(value)}.{place}"
        raise self.refusal(node)

    def paths(self, name: str) -> Sequence[str]:
        """The paths that a name may mean; at most one of them is present in a trial."""
        if name in self.kinds:
            return [name]
        found = [path for path in self.kinds if path.endswith(f".{name}")]
        if not found:
            ends = {path.rpartition(".")[2] for path in self.kinds}
            known = sorted(end for end in {*ends, *self.kinds} if not end.isdigit())
            hint = did_you_mean(name, known, 3) or "give a path, as optimizer.adam.lr"
            raise UserError(f"where: {self.text}: {name}: unknown setting: {hint.strip()}")
        if not all(self.exclusive(a, b) for a, b in combinations(found, 2)):
            raise UserError(
                f"where: {self.text}: {name}: may be {' or '.join(found)}: give its path"
            )
        return found

    def exclusive(self, a: str, b: str) -> bool:
        """Whether two paths are below different options of one branch."""
        (group, *mine), (other, *theirs) = a.split("."), b.split(".")
        return group == other and group in self.branches and mine[:1] != theirs[:1]

    def refusal(self, node: ast.AST) -> UserError:
        return UserError(f"where: {ast.unparse(node)[:60]}: is not allowed: allowed are {ALLOWED}")


def _constant(value: Any) -> Callable[[Settings], Any]:
    return lambda settings: value


def _applied(
    function: Callable[..., Any], parts: Sequence[Callable[[Settings], Any]]
) -> Callable[[Settings], Any]:
    return lambda settings: function(*(part(settings) for part in parts))


def _chain(tests: Sequence[Callable[[Any, Any], bool]], values: Sequence[Any]) -> bool:
    return all(test(a, b) for test, (a, b) in zip(tests, pairwise(values), strict=True))
