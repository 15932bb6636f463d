"""Checks of rules: refuses what is not in the language of rules, with the line and a fix.

CONTRIBUTING.md defines that language. A rule runs unchanged on NumPy arrays, but training uses what
`kernels.rule_compiler` generates from its source. Some Python has no meaning there or, worse, a
different one.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from inspect import Parameter, isfunction, signature
from pathlib import Path
from typing import Any, NoReturn, get_args

import numpy as np

from tuner.errors import UserError
from tuner.training import rule_language
from tuner.training.domains import Domain
from tuner.training.rule_language import GIVEN_TO_ROWS, GIVEN_TO_TENSORS
from tuner.training.slots import Slot

# What a value may depend on, besides values of the row.
TENSOR, ELEMENT = "tensor", "element"
Kind = frozenset[str]
OF_ROW, OF_TENSOR, OF_ELEMENT = Kind(), Kind({TENSOR}), Kind({ELEMENT})

OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)

IN_PLACE_OF = {
    "max": "write np.maximum",
    "min": "write np.minimum",
    "abs": "write np.abs",
    "pow": "write a ** b",
    "sum": "write row_sum or tensor_sum",
}
NO_BRANCH = "choose number by number with np.where(c, a, b)"
SUMS = "sums are row_sum and tensor_sum, of tuner.training.rule_language"
# The compiler uses such names itself.
RESERVED = re.compile(r"^_|_(\d+|rows?)$")
NOT_RESERVED = "a name has no _ before, and no _row, _rows or _1 behind"


class RuleError(UserError):
    """A rule that is not in the language of rules."""


def refuse(file: str, line: int, what: str, mend: str) -> NoReturn:
    """Refuses a line of a rule's file.

    Args:
        file: the path of the file.
        line: counted from 1.
        what: what was found there.
        mend: what to write instead.

    Raises:
        RuleError: always, with all of this in one line.
    """
    raise RuleError(f"{file}:{line}: {what}: {mend}")


def language() -> dict[str, Any]:
    """The functions of rule_language by name."""
    return {name: f for name, f in vars(rule_language).items() if isfunction(f)}


def check(name: str, file: str, module: Mapping[str, Any]) -> None:
    """Refuses a file whose rule is not in the language of rules.

    Args:
        name: the name of the file, and so of its rule.
        file: its path.
        module: the names that the file defines, with their values.

    Raises:
        RuleError: the first mistake, with its file, its line and what to write instead.
    """
    rule = module.get(name)
    if rule is None:
        refuse(file, 1, f"no function {name}", "a file's rule bears the name of the file")
    if not isfunction(rule):
        refuse(file, 1, f"{name} is no function", "a rule is one function, without decorators")
    # A file may import the rule of another file, as adamw does.
    file = rule.__code__.co_filename
    tree = _tree(file)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == rule.__name__:
            _Rule(file, node, rule).check()
            return
    line = rule.__code__.co_firstlineno
    refuse(file, line, f"{name} is not written with def", f"write def {name}(theta, g, ...)")


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


class _Rule:
    def __init__(self, file: str, node: ast.FunctionDef, rule: Any) -> None:
        self.file, self.node, self.rule = file, node, rule
        self.known: dict[str, Kind] = {}
        self.parameters = signature(rule).parameters
        self.slots: dict[str, Slot] = {}
        self.globals: Mapping[str, Any] = rule.__globals__

    def refuse(self, node: ast.AST, mend: str, what: str | None = None) -> NoReturn:
        text = " ".join((what or ast.unparse(node)).split())
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        refuse(self.file, getattr(node, "lineno", self.node.lineno), shown, mend)

    def check(self) -> None:
        node = self.node
        if node.decorator_list:
            self.refuse(node.decorator_list[0], "a rule has no decorators: take it away")
        self.check_signature()
        if ast.get_docstring(node) is None:
            self.refuse(node, "a rule has a docstring that names its source", f"def {node.name}")
        *statements, last = node.body[1:] or node.body
        for statement in statements:
            self.check_statement(statement)
        if not isinstance(last, ast.Return) or last.value is None:
            self.refuse(last, "a rule ends with a return of the new theta and its slots")
        self.check_return(last.value)

    # The signature.

    def check_signature(self) -> None:
        args = self.node.args
        for extra in (*args.posonlyargs, *args.kwonlyargs, args.vararg, args.kwarg):
            if extra is not None:
                self.refuse(extra, "a rule has plain arguments only: no *, ** or /")
        names = [a.arg for a in args.args]
        form = "a rule takes (theta, g, <slots>, t, <given>, lr, <hyperparameters>)"
        if names[:2] != ["theta", "g"] or "t" not in names or "lr" not in names[names.index("t") :]:
            self.refuse(self.node, form, f"def {self.node.name}({', '.join(names)})")
        t, lr = names.index("t"), names.index("lr")
        nodes = {a.arg: a for a in args.args}
        for name, arg in nodes.items():
            if RESERVED.search(name):
                self.refuse(arg, NOT_RESERVED)
        self.known = {"theta": OF_ELEMENT, "g": OF_ELEMENT, "t": OF_ROW}
        for name in names[t + 1 : lr]:
            if name not in (*GIVEN_TO_ROWS, *GIVEN_TO_TENSORS):
                given = ", ".join((*GIVEN_TO_ROWS, *GIVEN_TO_TENSORS))
                self.refuse(nodes[name], f"between t and lr a rule may ask for {given}", name)
            self.known[name] = OF_ROW if name in GIVEN_TO_ROWS else OF_TENSOR
        for name in names[lr:]:
            self.check_hyperparameter(nodes[name])
            self.known[name] = OF_ROW
        for name in names[:lr]:
            if self.parameters[name].default is not Parameter.empty:
                self.refuse(nodes[name], "only hyperparameters have defaults", name)
        for name in names[2:t]:
            self.check_slot(nodes[name], names[lr:])

    def check_hyperparameter(self, arg: ast.arg) -> None:
        parameter = self.parameters[arg.arg]
        domain = _annotated(parameter, Domain)
        if domain is None:
            self.refuse(
                arg,
                "a hyperparameter is annotated with its domain, one of tuner.training.domains",
            )
        if parameter.default is Parameter.empty:
            self.refuse(arg, f"a hyperparameter has a default, {domain}")
        if parameter.default not in domain:
            self.refuse(
                arg, f"the default must be {domain}", f"{ast.unparse(arg)} = {parameter.default}"
            )

    def check_slot(self, arg: ast.arg, hyperparameters: Sequence[str]) -> None:
        slot = Slot() if arg.annotation is None else _annotated(self.parameters[arg.arg], Slot)
        if slot is None:
            self.refuse(arg, "a slot is annotated with what tuner.training.slots has, or not")
        for asked in slot.asks:
            if asked not in ("theta", *hyperparameters):
                self.refuse(
                    arg, f"it starts from {asked}, which is neither theta nor a hyperparameter"
                )
        self.slots[arg.arg] = slot
        self.known[arg.arg] = OF_ROW if slot.scalar else OF_ELEMENT

    # The body.

    def check_statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign([ast.Name(name)], value):
                if name in self.globals and name not in self.known:
                    self.refuse(node, f"{name} has a meaning in this file: take another name")
                if RESERVED.search(name):
                    self.refuse(node, NOT_RESERVED)
                self.known[name] = self.kind(value)
            case ast.AugAssign(ast.Name(name), operation, value):
                plain = ast.BinOp(ast.Name(name), operation, value)
                mend = f"write {name} = {ast.unparse(plain)}"
                self.refuse(node, f"a rule assigns to a name once a line: {mend}")
            case ast.Assign([ast.Tuple() | ast.List()]) | ast.Assign([_, _, *_]):
                self.refuse(node, "a rule assigns to one name a line: write a line for each")
            case ast.AnnAssign(ast.Name(name)):
                self.refuse(node, f"a rule assigns without annotations: write {name} = ...")
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                self.refuse(node, "a rule assigns to names, not to parts: write np.where(c, a, b)")
            case ast.If():
                self.refuse(node, f"a rule has no if statement: {NO_BRANCH}", _head(node))
            case ast.For() | ast.While():
                self.refuse(
                    node, f"a rule has no loop: it is run for every number; {SUMS}", _head(node)
                )
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.refuse(node, "a rule has no functions within: write out its formula")
            case ast.Return():
                self.refuse(node, "a rule returns once, in its last line")
            case _:
                self.refuse(node, "a rule is assignments and a return: take it away", _head(node))

    def check_return(self, value: ast.expr) -> None:
        theta, *slots = value.elts if isinstance(value, ast.Tuple) else [value]
        wanted = ", ".join(("theta", *self.slots))
        mend = f"return the new {wanted}, in this order"
        if len(slots) != len(self.slots):
            self.refuse(value, f"{1 + len(slots)} values for {1 + len(self.slots)}: {mend}")
        self.kind(theta)
        if isinstance(theta, ast.Name) and theta.id in self.slots:
            self.refuse(value, mend)
        for node, (name, slot) in zip(slots, self.slots.items(), strict=True):
            if isinstance(node, ast.Name) and node.id in {"theta", *self.slots} - {name}:
                self.refuse(value, f"{node.id} in the place of {name}: {mend}")
            kind = self.kind(node)
            if slot.scalar and kind != OF_ROW:
                self.refuse(
                    node,
                    f"{name} is one number a row, which this is not: {SUMS}"
                    if ELEMENT in kind
                    else f"{name} is one number a row, this one a tensor: write row_sum",
                )

    # Expressions.

    def kind(self, node: ast.expr) -> Kind:
        """What an expression depends on; refuses expressions that a rule may not use."""
        match node:
            case ast.Constant(bool() | int() | float()):
                return OF_ROW
            case ast.Name(name):
                return self.kind_of_name(node, name)
            case ast.BinOp(left, operation, right):
                if not isinstance(operation, OPERATORS):
                    self.refuse(node, "a rule has + - * / and ** only: of conditions, the product")
                return self.kind(left) | self.kind(right)
            case ast.UnaryOp(operation, operand):
                if not isinstance(operation, OPERATORS):
                    self.refuse(node, "a rule has no `not` and no `~`: write 1 - condition")
                return self.kind(operand)
            case ast.Compare(left, [operation], [right]):
                if not isinstance(operation, COMPARISONS):
                    self.refuse(node, "a rule compares numbers only")
                return self.kind(left) | self.kind(right)
            case ast.Compare():
                self.refuse(node, "a rule compares two numbers: write (a < b) * (b < c)")
            case ast.BoolOp():
                self.refuse(node, "a rule has no `and`, no `or`: write (a > b) * (c > d)")
            case ast.IfExp(condition, this, that):
                if ELEMENT in self.kind(condition):
                    self.refuse(node, f"its condition differs by number: {NO_BRANCH}")
                return self.kind(condition) | self.kind(this) | self.kind(that)
            case ast.Call():
                return self.kind_of_call(node)
            case ast.Attribute(ast.Name(module), name) if self.is_numpy(module):
                if not isinstance(getattr(np, name, None), float):
                    self.refuse(node, "of NumPy a rule has functions and numbers only")
                return OF_ROW
            case ast.Lambda():
                self.refuse(node, "a rule has no functions within: write out its formula")
            case ast.Attribute():
                self.refuse(node, "a rule has no attributes but NumPy's functions: write a formula")
            case ast.Subscript():
                self.refuse(node, "a rule is for every number alike: it has no indices")
            case _:
                self.refuse(node, "a rule has numbers, + - * / **, comparisons and functions only")

    def is_numpy(self, name: str) -> bool:
        return name == "np" and self.globals.get(name) is np and name not in self.known

    def kind_of_name(self, node: ast.expr, name: str) -> Kind:
        if name in self.known:
            return self.known[name]
        later = {
            target.id
            for s in ast.walk(self.node)
            if isinstance(s, ast.Assign)
            for target in s.targets
            if isinstance(target, ast.Name)
        }
        if name in later:
            self.refuse(node, "it has no value yet: assign to it in a line before")
        if name in self.globals:
            self.refuse(node, "a rule knows its arguments only: write it out, or as hyperparameter")
        self.refuse(node, "this name is unknown: a rule knows its arguments and what it assigned")

    def kind_of_call(self, node: ast.Call) -> Kind:
        if node.keywords:
            self.refuse(node, "a rule gives arguments by position: leave out their names")
        match node.func:
            case ast.Attribute(ast.Name(module), name) if self.is_numpy(module):
                return self.kind_of_numpy(node, name)
            case ast.Name(name) if name in language():
                if self.globals.get(name) is not language()[name] or name in self.known:
                    self.refuse(node, f"write from tuner.training.rule_language import {name}")
                return self.kind_of_sum(node, name)
            case ast.Name("np") | ast.Attribute(ast.Name("np")):
                self.refuse(node, "write import numpy as np before the rule")
            case ast.Name(name) if name in IN_PLACE_OF:
                self.refuse(node, f"Python's {name} fails on arrays: {IN_PLACE_OF[name]}")
            case ast.Name(name):
                known = ", ".join(language())
                self.refuse(
                    node, f"{name} is unknown: a rule calls NumPy's functions by number, {known}"
                )
        self.refuse(node, f"a rule calls NumPy's functions by number; {SUMS}")

    def kind_of_numpy(self, node: ast.Call, name: str) -> Kind:
        function = getattr(np, name, None)
        numbers = 3 if name == "where" else None
        if isinstance(function, np.ufunc) and function.signature is None and function.nout == 1:
            numbers = function.nin
        if function is None:
            self.refuse(node, f"NumPy has no np.{name}")
        if numbers is None:
            self.refuse(node, f"np.{name} is not a function of single numbers: {SUMS}")
        self.check_count(node, numbers)
        return OF_ROW.union(*(self.kind(arg) for arg in node.args))

    def kind_of_sum(self, node: ast.Call, name: str) -> Kind:
        self.check_count(node, len(signature(language()[name]).parameters))
        first, *others = (self.kind(arg) for arg in node.args)
        if name == "row_sum":
            if TENSOR in first:
                self.refuse(node, "what differs by tensor cannot be summed over the row")
            return OF_ROW
        for argument, kind in zip(node.args[1:], others, strict=True):
            if ELEMENT in kind:
                self.refuse(argument, "this argument is one number for a tensor")
        return OF_TENSOR if name in ("tensor_sum", "tensor_mean") else OF_TENSOR | OF_ELEMENT

    def check_count(self, node: ast.Call, numbers: int) -> None:
        if len(node.args) != numbers or any(isinstance(a, ast.Starred) for a in node.args):
            self.refuse(node, f"give it {numbers} argument{'s' if numbers > 1 else ''}")


def _annotated(parameter: Parameter, kind: type) -> Any:
    """The value of type `kind` in a parameter's annotation, or None."""
    held = get_args(parameter.annotation)
    return held[1] if len(held) > 1 and isinstance(held[1], kind) else None


def _head(node: ast.stmt) -> str:
    """The first line of a statement."""
    return ast.unparse(node).splitlines()[0]
