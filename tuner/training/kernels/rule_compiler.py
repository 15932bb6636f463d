"""Fused passes: a rule's formula, compiled into one sweep over the rows of a population.

The sweep is generated from the rule's source. An expression that is the same for all parameters of
a row, such as `1 - beta2**t`, is computed once in float64 and cast to the dtype of the parameters.
The rest runs element by element, so that theta, gradient and slots are read and written once. A sum
over a row or a tensor becomes a loop of its own before that. It computes the values it needs again,
because reading an array twice costs less than storing another one. A function of a whole tensor
gets its argument in a buffer.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np

from tuner.training.kernels import tensors
from tuner.training.kernels.compiling import Compiled, digest, pointed
from tuner.training.optimizers import Optimizer, load
from tuner.training.rule_language import GIVEN_TO_ROWS, GIVEN_TO_TENSORS

Array = np.ndarray

TEMPLATE = """
def {function}(_theta, _g, {slots}, _t, _rates, _column, _total, _tensors, _settings, _losses,
               _norms, _left_at):
    _cast = _theta.dtype.type
    _size = _theta.shape[1]
    {buffers}
    for _row in range(_theta.shape[0]):
        if _left_at[_row] != 0.0:
            continue
        _t[_row] += 1.0
        t, T, loss = _t[_row], _total, _losses[_row]
        if not np.isfinite(loss):
            _left_at[_row] = t
            continue
        lr = _rates[_row, _column]
        {settings} = _settings[_row]
        _theta_row = _theta[_row]
        _g_row = _g[_row]
        {slot_rows}
        _clip = _cast(1.0)
        if clip_norm < np.inf:
            _norm = _length(_g_row)
            if _norm > clip_norm:
                _clip = _cast(clip_norm / _norm)
        _coupled = _cast(weight_decay)
        _decoupled = _cast(lr * weight_decay)
        _zero = _cast(0.0)
        _check = _zero
        _squares = _zero
        {sweep}
        if {least} < _squares < {most}:
            _norms[_row] += np.sqrt(np.float64(_squares))
        else:
            _norms[_row] += _length(_g[_row])
        if np.isnan(_check):
            _left_at[_row] = t
"""

# The last loop also sums the squares of the gradient, in the dtype of the parameters: a separate
# sweep in float64 would cost a fifth of Adam's time. That sweep is made only if the sum is outside
# this range, where float32 may have lost squares.
LEAST, MOST = 1e-24, 1e30

# Every pass takes this many slots of each kind, used or not. So code that calls a pass by its
# address is compiled once for all rules; a rule with more slots needs its own.
ARRAYS, SCALARS = 5, 2

T = TypeVar("T")

_START = {"row_sum": "0.0", "tensor_sum": "0.0", "tensor_mean": "0.0"}
_ADD = {
    "row_sum": "{0} += np.float64({1})",
    "tensor_sum": "{0} += np.float64({1})",
    "tensor_mean": "{0} += np.float64({1}) / _count",
}


def _called(node: ast.AST) -> str | None:
    match node:
        case ast.Call(ast.Name(name)):
            return name
    return None


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


class _Single(ast.NodeTransformer):
    """Gives every assigned value its own name, and every sum and tensor function its own line."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.lines: list[tuple[str, ast.expr]] = []

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.now.get(node.id, node.id), ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(arg) for arg in node.args]
        if ast.unparse(node.func) == "np.where":
            # Numba would make an array of single numbers.
            return ast.IfExp(*node.args)
        name = _called(node)
        if name in _START or name in tensors.names():
            return self.add(name, node)
        return node

    def add(self, name: str, value: ast.expr) -> ast.Name:
        single = f"{name}_{len(self.lines)}"
        self.lines.append((single, value))
        return ast.Name(single, ast.Load())


class _Sweep:
    """The body of a pass: lines in the loop over rows, then lines in the loop over tensors."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.row_constants = {"np", "t", *GIVEN_TO_ROWS, *optimizer.hyperparameters}
        self.row_constants |= {name for name, slot in optimizer.slots.items() if slot.scalar}
        self.tensor_constants = {*GIVEN_TO_TENSORS}
        self.elements: dict[str, ast.expr] = {}
        self.buffered: dict[str, str] = {}
        self.row: list[str] = []
        self.tensor: list[str] = []
        self.count = 0

        tree = ast.parse(textwrap.dedent(inspect.getsource(optimizer.rule))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        single = _Single()
        *statements, result = [s for s in tree.body if not isinstance(s, ast.Expr)]
        for statement in statements:
            assert isinstance(statement, ast.Assign)
            target = statement.targets[0]
            assert isinstance(target, ast.Name)
            value = single.visit(statement.value)
            single.now[target.id] = single.add(target.id, value).id
        assert isinstance(result, ast.Return)
        assert result.value is not None
        value = single.visit(result.value)
        for name, expression in single.lines:
            self.statement(name, expression)
        self.finish(value.elts if isinstance(value, ast.Tuple) else [value])

    def is_constant(self, node: ast.AST) -> bool:
        return _names(node) <= self.row_constants | self.tensor_constants

    def statement(self, name: str, value: ast.expr) -> None:
        called = _called(value)
        if called in _START:
            assert isinstance(value, ast.Call)
            per_row = called.startswith("row")
            lines, constants = (
                (self.row, self.row_constants) if per_row else (self.tensor, self.tensor_constants)
            )
            expression = value.args[0]
            code, before = self.element(expression)
            lines += [*before, f"{name} = {_START[called]}"]
            lines += self.loop([expression], [_ADD[called].format(name, code)], per_row)
            constants.add(name)
        elif called in tensors.names():
            assert isinstance(value, ast.Call)
            buffer = f"_buffer{len(self.buffered)}"
            code, before = self.element(value.args[0])
            self.tensor += before
            self.tensor += self.loop([value.args[0]], [f"{buffer}[_i] = {code}"], False)
            others = "".join(f", {ast.unparse(arg)}" for arg in value.args[1:])
            self.tensor.append(f"{called}({buffer}[:_count].reshape(_inputs, _outputs){others})")
            self.buffered[name] = buffer
        elif _names(value) <= self.row_constants:
            self.row.append(f"{name} = {ast.unparse(value)}")
            self.row_constants.add(name)
        elif self.is_constant(value):
            self.tensor.append(f"{name} = {ast.unparse(value)}")
            self.tensor_constants.add(name)
        else:
            self.elements[name] = value

    def element(self, node: ast.expr) -> tuple[str, list[str]]:
        """The code of an expression for one element, and the lines before the loop for its
        constants."""
        hoisted: list[str] = []

        def hoist(constant: ast.expr) -> ast.Name:
            name = f"_constant{self.count}"
            self.count += 1
            hoisted.append(f"{name} = _cast({ast.unparse(constant)})")
            return ast.Name(name, ast.Load())

        def rewrite(node: Any) -> Any:
            if not isinstance(node, ast.expr):
                return node
            if self.is_constant(node):
                return hoist(node)
            match node:
                case ast.BinOp(left, ast.Div(), right) if self.is_constant(right):
                    inverse = ast.BinOp(ast.Constant(1.0), ast.Div(), right)
                    return ast.BinOp(rewrite(left), ast.Mult(), hoist(inverse))
                case ast.BinOp(left, ast.Pow(), ast.Constant(int() as power)):
                    # Keep a literal integer as the exponent, so that the power becomes a product.
                    return ast.BinOp(rewrite(left), ast.Pow(), ast.Constant(power))
                case ast.IfExp(condition, this, that):
                    return ast.IfExp(rewrite(condition), rewrite(this), rewrite(that))
                case ast.Call(function, arguments):
                    return ast.Call(function, [rewrite(a) for a in arguments], [])
                case ast.BinOp(left, operation, right):
                    return ast.BinOp(rewrite(left), operation, rewrite(right))
                case ast.UnaryOp(operation, operand):
                    return ast.UnaryOp(operation, rewrite(operand))
                case ast.Compare(left, operations, others):
                    return ast.Compare(rewrite(left), operations, [rewrite(o) for o in others])
                case _:
                    return node

        return ast.unparse(ast.fix_missing_locations(rewrite(node))), hoisted

    def needed(self, nodes: Iterable[ast.AST]) -> list[str]:
        """The names of per-element values that these expressions use, in the order of the rule."""
        wanted: set[str] = set()
        frontier = set().union(*(_names(node) for node in nodes))
        while frontier:
            wanted |= frontier
            inner = (self.elements[name] for name in frontier if name in self.elements)
            frontier = set().union(*(_names(node) for node in inner)) - wanted
        return [name for name in (*self.optimizer.slots, *self.buffered, *self.elements)
                if name in wanted]  # fmt: skip

    def loop(self, nodes: list[ast.expr], last: list[str], per_row: bool) -> list[str]:
        """A loop over a row or a tensor: it computes the values that `nodes` use, then runs
        `last`."""
        before: list[str] = []
        # Only the terms that the rule needs: the compiler does not remove a product with zero.
        shared = "weight_decay" not in self.optimizer.own
        body = ["theta = _theta_row[_i]"]
        if shared and not self.optimizer.decoupled:
            body.append("g = _clip * _g_row[_i] + _coupled * theta")
        else:
            body.append("g = _clip * _g_row[_i]")
        if shared and self.optimizer.decoupled:
            body.append("theta = theta - _decoupled * theta")
        for name in self.needed(nodes):
            slot = self.optimizer.slots.get(name)
            if slot is not None:
                if not slot.scalar:
                    body.append(f"{name} = {name}_row[_i]")
            elif name in self.buffered:
                body.append(f"{name} = {self.buffered[name]}[_i]")
            else:
                code, hoisted = self.element(self.elements[name])
                before += hoisted
                body.append(f"{name} = {code}")
        count = "_size" if per_row else "_count"
        return [*before, f"for _i in range({count}):", *(f"    {b}" for b in (*body, *last))]

    def finish(self, values: list[ast.expr]) -> None:
        """Adds the last loop, which stores the values that the rule returns."""
        theta_new, *slots_new = values
        by_tensor = bool(self.tensor)
        lines = self.tensor if by_tensor else self.row
        nodes, last = [theta_new], ["_squares += _g_row[_i] * _g_row[_i]"]
        code, before = self.element(theta_new)
        last.append(f"_new = {code}")
        stores, ends = [], []
        for (name, slot), value in zip(self.optimizer.slots.items(), slots_new, strict=True):
            if slot.scalar:
                ends.append(f"{name}_rows[_row] = {ast.unparse(value)}")
                continue
            if isinstance(value, ast.Name) and value.id == name:
                continue  # unchanged
            code, hoisted = self.element(value)
            before += hoisted
            nodes.append(value)
            stores.append(f"{name}_row[_i] = {code}")
        last += [*stores, "_theta_row[_i] = _new", "_check += _zero * _new"]
        lines += [*before, *self.loop(nodes, last, not by_tensor)]
        self.ends = ends

    def text(self) -> str:
        lines = list(self.row)
        if self.tensor:
            lines += [
                "for _tensor in range(_tensors.shape[0]):",
                "    _start, _stop, _inputs, _outputs, _hidden = _tensors[_tensor]",
                "    inputs, outputs, hidden = float(_inputs), float(_outputs), _hidden != 0",
                # Slices, so that indices count from 0: if an index could be negative, numba would
                # check each one, and the loop would not vectorize.
                "    _count = _stop - _start",
                "    _theta_row = _theta[_row][_start:_stop]",
                "    _g_row = _g[_row][_start:_stop]",
                *(
                    f"    {name}_row = {name}_rows[_row][_start:_stop]"
                    for name, slot in self.optimizer.slots.items()
                    if not slot.scalar
                ),
                *(f"    {line}" for line in self.tensor),
            ]
        return ("\n" + " " * 8).join([*lines, *self.ends])


def by_kind(optimizer: Optimizer, values: Sequence[T]) -> tuple[list[T], list[T]]:
    """Splits values, one per slot, into those of slots per parameter and those of slots per row."""
    pairs = list(zip(values, optimizer.slots.values(), strict=True))
    return [v for v, slot in pairs if not slot.scalar], [v for v, slot in pairs if slot.scalar]


def filled(values: Sequence[T], unused: Sequence[T]) -> list[T]:
    """The values, padded with the rest of `unused` to its length."""
    return [*values, *unused[len(values) :]]


def slot_arguments(
    optimizer: Optimizer, slots: Sequence[Array], rows: Array, row: Array
) -> list[Array]:
    """The slots as arguments of a pass; rows (rows, size) and row (rows,) stand for unused ones."""
    arrays, scalars = by_kind(optimizer, slots)
    return [*filled(arrays, [rows] * ARRAYS), *filled(scalars, [row] * SCALARS)]


def source(optimizer: Optimizer) -> tuple[str, str]:
    """Name and source of the pass of an optimizer."""
    sweep = _Sweep(optimizer)
    arrays, scalars = by_kind(optimizer, [f"{name}_rows" for name in optimizer.slots])
    unused = [f"_unused{i}" for i in range(ARRAYS + SCALARS)]
    slots = [*filled(arrays, unused[:ARRAYS]), *filled(scalars, unused[ARRAYS:])]
    buffers = [f"{b} = np.empty(_size, _theta.dtype)" for b in sweep.buffered.values()]
    text = TEMPLATE.format(
        function="{function}",
        least=LEAST,
        most=MOST,
        slots=", ".join(slots),
        buffers="\n    ".join(buffers or ["pass"]),
        settings=", ".join(name for name in optimizer.hyperparameters if name != "lr"),
        slot_rows="\n        ".join(
            [f"{rows.removesuffix('s')} = {rows}[_row]" for rows in arrays]
            + [f"{rows.removesuffix('_rows')} = {rows}[_row]" for rows in scalars]
            or ["pass"]
        ),
        sweep=sweep.text(),
    )
    function = f"{optimizer.name}_{digest(text, inspect.getsource(tensors))}"
    return function, text.format(function=function)


@cache
def fused_pass(name: str) -> Compiled:
    """The compiled pass of the optimizer of that name.

    It takes `(theta, g, *slot_arguments(...), t, rates, column, total, tensors, settings, losses,
    norms, left_at)` and changes theta, slots, t, norms and left_at in place:

    - theta, g, slots: (rows, size), C-contiguous, float32 or float64; scalar slots (rows,) float64
    - t: (rows,) float64, the steps taken
    - rates: (rows, steps) float64, learning rates; those of this step are in `column`
    - total: the number of all steps
    - tensors: (tensors, 5) int64: start, stop, inputs, outputs, and whether it is a hidden matrix
    - settings: (rows, hyperparameters but lr) float64, in the order of `Optimizer.hyperparameters`
    - losses: (rows,) float64, the loss of this step
    - norms: (rows,) float64; the norm of the gradient before `clip_norm` is added to it
    - left_at: (rows,) float64, the step at which a row's loss or parameters became non-finite, 0
      before; such a row is not changed any more
    """
    optimizer = load(name)
    function, text = source(optimizer)
    namespace: dict[str, Any] = {
        "np": np,
        "_length": tensors.norm,
        "__name__": optimizer.rule.__module__,
    }
    namespace |= {name: tensors.load(name) for name in tensors.names() if f"{name}(" in text}
    exec(compile(text, inspect.getfile(optimizer.rule), "exec"), namespace)
    return pointed(namespace[function])
