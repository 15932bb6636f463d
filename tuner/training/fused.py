"""Fused passes: a rule's formula, compiled into one sweep over the rows of a population.

The sweep is generated from the rule's own source. What depends on the hyperparameters and the step
alone, as `1 - beta2**t`, is computed once a row in float64 and cast to the dtype of the
parameters; the rest runs element by element, so that theta, gradient and slots are read and
written once.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tuner.training.compiling import compiled, digest
from tuner.training.optimizers import Optimizer, load

TEMPLATE = """
def {function}(theta_, g_, {slots}t_, rates_, column_, settings_, losses_, norms_, left_at_):
    cast_ = theta_.dtype.type
    for row_ in range(theta_.shape[0]):
        if left_at_[row_] != 0.0:
            continue
        t_[row_] += 1.0
        t = t_[row_]
        if not np.isfinite(losses_[row_]):
            left_at_[row_] = t
            continue
        lr = rates_[row_, column_]
        {settings} = settings_[row_]
        {hoisted}
        theta_row_ = theta_[row_]
        g_row_ = g_[row_]
        {slot_rows}
        squares_ = 0.0
        for i_ in range(theta_row_.shape[0]):
            squares_ += np.float64(g_row_[i_]) * np.float64(g_row_[i_])
        norm_ = np.sqrt(squares_)
        norms_[row_] += norm_
        clip_ = cast_(1.0)
        if norm_ > clip_norm:
            clip_ = cast_(clip_norm / norm_)
        coupled_ = cast_({coupled})
        decoupled_ = cast_({decoupled})
        zero_ = cast_(0.0)
        check_ = zero_
        for i_ in range(theta_row_.shape[0]):
            theta = theta_row_[i_]
            g = clip_ * g_row_[i_] + coupled_ * theta
            theta = theta - decoupled_ * theta
            {slot_loads}
            {body}
            theta_row_[i_] = {theta_new}
            check_ += zero_ * theta_row_[i_]
            {slot_stores}
        if np.isnan(check_):
            left_at_[row_] = t
"""


class _Hoist(ast.NodeTransformer):
    """Replaces each largest subexpression that is constant within a row by a name."""

    def __init__(self, constant_names: set[str]):
        self.constant_names = constant_names
        self.hoisted: list[str] = []

    def is_constant(self, node: ast.expr) -> bool:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return names <= self.constant_names | {"np"}

    def visit(self, node: ast.AST) -> Any:
        if not isinstance(node, ast.expr):
            return super().visit(node)
        # What is called is not a value: `np` of np.sqrt(v) stays.
        if isinstance(node, ast.Call):
            node.args = [self.visit(arg) for arg in node.args]
            return node
        if self.is_constant(node):
            return self.hoist(node)
        match node:
            case ast.BinOp(left, ast.Div(), right) if self.is_constant(right):
                inverse = ast.BinOp(ast.Constant(1.0), ast.Div(), right)
                return ast.BinOp(self.visit(left), ast.Mult(), self.hoist(inverse))
            case _:
                return super().visit(node)

    def hoist(self, node: ast.expr) -> ast.Name:
        name = f"constant{len(self.hoisted)}_"
        self.hoisted.append(f"{name} = cast_({ast.unparse(node)})")
        return ast.Name(name, ast.Load())


def source(optimizer: Optimizer) -> tuple[str, str]:
    """Name and source of the pass of an optimizer."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(optimizer.rule))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    *statements, result = [s for s in tree.body if not isinstance(s, ast.Expr)]
    assert isinstance(result, ast.Return)
    assert result.value is not None
    hoist = _Hoist({"t", *optimizer.hyperparameters})
    body = []
    for statement in statements:
        assert isinstance(statement, ast.Assign)
        target = statement.targets[0]
        assert isinstance(target, ast.Name)
        if hoist.is_constant(statement.value):
            hoist.hoisted.append(ast.unparse(statement))
            hoist.constant_names.add(target.id)
        else:
            body.append(ast.unparse(hoist.visit(statement)))
    value = hoist.visit(result.value)
    returned = value.elts if isinstance(value, ast.Tuple) else [value]
    theta_new, *slots_new = map(ast.unparse, returned)

    def lines(indent: int, items: list[str]) -> str:
        return ("\n" + " " * indent).join(items or ["pass"])

    slots = optimizer.slots
    template = TEMPLATE.format(
        function="{function}",
        slots="".join(f"{s}_, " for s in slots),
        settings=", ".join(name for name in optimizer.hyperparameters if name != "lr"),
        hoisted=lines(8, hoist.hoisted),
        slot_rows=lines(8, [f"{s}_row_ = {s}_[row_]" for s in slots]),
        coupled="0.0" if optimizer.decoupled else "weight_decay",
        decoupled="lr * weight_decay" if optimizer.decoupled else "0.0",
        slot_loads=lines(12, [f"{s} = {s}_row_[i_]" for s in slots]),
        body=lines(12, body),
        theta_new=theta_new,
        slot_stores=lines(
            12, [f"{s}_row_[i_] = {n}" for s, n in zip(slots, slots_new, strict=True)]
        ),
    )
    function = f"{optimizer.name}_{digest(template)}"
    return function, template.format(function=function)


@cache
def fused_pass(name: str) -> Callable[..., None]:
    """The compiled pass of the optimizer of that name.

    It takes `(theta, g, *slots, t, rates, column, settings, losses, norms, left_at)` and changes
    theta, slots, t, norms and left_at in place:

    - theta, g, slots: (rows, size), C-contiguous, float32 or float64
    - t: (rows,) float64, the steps taken
    - rates: (rows, steps) float64, learning rates, of which this step's are in `column`
    - settings: (rows, hyperparameters but lr) float64, in the order of `Optimizer.hyperparameters`
    - losses: (rows,) float64, the loss of this step
    - norms: (rows,) float64, to which the norm of the gradient before clipping is added
    - left_at: (rows,) float64, the step at which a row's loss or parameters turned non-finite,
      0 before; such a row is left as it is
    """
    optimizer = load(name)
    function, text = source(optimizer)
    namespace: dict[str, Any] = {"np": np, "__name__": optimizer.rule.__module__}
    exec(compile(text, inspect.getfile(optimizer.rule), "exec"), namespace)
    sweep: Callable[..., None] = compiled(namespace[function])
    return sweep
