"""Promises of the language of rules: what it does not know is refused, by file, line and mend."""

import ast
import re
import sys
from collections.abc import Callable
from itertools import count, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import Bowl, member, trained
from tuner.errors import UserError
from tuner.training import optimizers, rule_language
from tuner.training.rule_checks import RuleError

# In the language; the tests break it by putting other text in place of some of it.
RULE = '''"""A rule for tests."""

import math

import numpy as np

from tuner.training.domains import Fraction, Positive
from tuner.training.rule_language import orthogonalize, row_sum, tensor_sum
from tuner.training.slots import Scalar, starting

SHARE = 0.5


def helper(x):
    return x


def rule(theta, g, m, v, total: Scalar, t, loss, hidden, lr: Positive = 0.1, beta: Fraction = 0.9):
    """Its source."""
    m = beta * m + (1 - beta) * g
    total = total + row_sum(g * g)
    return theta - lr * m, m, v, total
'''
MOMENTUM, RETURN = "m = beta * m + (1 - beta) * g", "return theta - lr * m, m, v, total"
SIGNATURE = "def rule(theta, g, m, v, total: Scalar, t, loss, hidden, "
REST = "lr: Positive = 0.1, beta: Fraction = 0.9):"

NUMBERS = count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], optimizers.Optimizer]:
    """Loads a rule with this source from a file beside those of the optimizers."""
    monkeypatch.setattr(optimizers, "__path__", [*optimizers.__path__, str(tmp_path)])

    def make(text: str, name: str = "") -> optimizers.Optimizer:
        name = name or f"rule{next(NUMBERS)}"
        file = tmp_path / f"{name}.py"
        file.write_text(re.sub(r"\brule\(", f"{name}(", text))
        try:
            return optimizers.load(name)
        finally:
            sys.modules.pop(f"{optimizers.__name__}.{name}", None)

    return make


def line_of(old: str, new: str, what: str) -> int:
    """The line of RULE that is refused when `new` is put in place of `old`: where `what` stands."""
    lines = RULE.replace(old, new).splitlines()
    return max(i for i, line in enumerate(lines, 1) if what in line)


def refused(load: Any, text: str) -> tuple[int, str]:
    """The line of the refusal, and what it says."""
    with pytest.raises(RuleError) as error:
        load(text)
    said = str(error.value)
    assert isinstance(error.value, UserError)
    assert "\n" not in said
    place = re.fullmatch(r"(.*\.py):(\d+): (.*)", said)
    assert place is not None, said
    assert Path(place[1]).is_file()
    return int(place[2]), place[3]


def test_a_rule_in_a_file_of_its_own_is_found_and_trains(load: Any):
    optimizer = load(RULE)
    assert optimizer.name in optimizers.names()
    bowl = Bowl((0.1, 1.0, 10.0), steps=20)
    population, _ = trained(bowl, [member(optimizer.name, lr=0.01)])
    assert np.abs(population.theta).max() < 1


@pytest.mark.parametrize("name", optimizers.names())
def test_every_rule_of_the_folder_is_in_the_language(name: str):
    assert optimizers.load(name).name == name


# What is put in place of a part of RULE, and what is said of it.
SIGNATURES = {
    "no domain": (REST, "lr: Positive = 0.1, beta=0.9):", "annotated with its domain"),
    "another annotation": (REST, "lr: Positive = 0.1, beta: float = 0.9):", "its domain"),
    "no default": (REST, "lr: Positive, beta: Fraction = 0.9):", "has a default, above 0"),
    "outside its domain": ("Fraction = 0.9", "Fraction = 1.5", "must be at least 0 and below 1"),
    "no gradient": ("theta, g, m", "theta, gradient, m", "takes (theta, g, <slots>, t"),
    "no step": (" t, loss", " loss", "takes (theta, g, <slots>, t"),
    "no rate": (REST, "beta: Fraction = 0.9):", "takes (theta, g, <slots>, t"),
    "an unknown gift": ("hidden,", "epoch,", "may ask for loss, T, inputs, outputs, hidden"),
    "a default of a slot": (
        "v, total: Scalar, t, loss, hidden", "v=0, total=0, t=1, loss=0, hidden=0",
        "only hyperparameters have defaults",
    ),
    "by name": ("hidden,", "hidden, *,", "plain arguments only"),
    "any number": ("Fraction = 0.9):", "Fraction = 0.9, *more):", "plain arguments only"),
    "any names": ("Fraction = 0.9):", "Fraction = 0.9, **more):", "plain arguments only"),
    "by place": ("(theta, g, m", "(theta, g, /, m", "plain arguments only"),
    "a slot of no kind": ("total: Scalar", "total: float", "tuner.training.slots"),
    "an unknown start": ("Scalar, t", "starting(lambda rho: rho), t", "starts from rho, which"),
    "a name of the compiler's": (" v, total: Scalar", " m_row, total: Scalar", "has no _ before"),
    "a decorator": ("def rule(theta", "@helper\ndef rule(theta", "no decorators"),
    "no docstring": ('    """Its source."""\n', "", "docstring that names its source"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNATURES)
def test_a_signature_that_is_none_of_a_rule_is_refused(case: str, load: Any):
    old, new, mend = SIGNATURES[case]
    assert old in RULE
    line, said = refused(load, RULE.replace(old, new))
    assert mend in said
    assert line in {
        line_of(old, new, "def rule("),
        line_of(old, new, "@helper") if "@" in new else 0,
    }


# Statements in place of that of `m`.
STATEMENTS = {
    "m *= beta": "write m = m * beta",
    "m -= g + 1": "write m = m - (g + 1)",
    "m: float = g": "write m = ...",
    "m = n = g": "a line for each",
    "m, v = v, m": "a line for each",
    "m[0] = g": "not to parts",
    "m.x = g": "not to parts",
    "m[0] += g": "not to parts",
    "_m = g": "has no _ before",
    "m_1 = g": "has no _ before",
    "np = g": "take another name",
    "row_sum = g": "take another name",
    "if t > 1: m = g": "np.where(c, a, b)",
    "for i in range(3): m = g": "no loop",
    "while t > 1: m = g": "no loop",
    "def inner(x): return x": "no functions within",
    "class Inner: pass": "no functions within",
    "async def inner(x): return x": "no functions within",
    "return theta, m, v, total": "in its last line",
    "np.abs(g)": "assignments and a return",
    "pass": "assignments and a return",
    "assert t > 0": "assignments and a return",
    "del v": "assignments and a return",
    "raise ValueError": "assignments and a return",
    "import math": "assignments and a return",
    "from math import pi": "assignments and a return",
    "global SHARE": "assignments and a return",
    "with m: v = g": "assignments and a return",
    "try: m = g\n    finally: v = g": "assignments and a return",
    "match t:\n        case 1: m = g": "assignments and a return",
}
# Of these a function cannot have any, or none outside of an async one; type aliases came later.
NOT_HERE = {"AsyncFor", "AsyncWith", "Nonlocal", "Break", "Continue", "TryStar", "TypeAlias"}

# Expressions in place of the one for `m`.
EXPRESSIONS = {
    "g @ m": "of conditions, the product",
    "(g > 0) & (m > 0)": "of conditions, the product",
    "g // 2": "of conditions, the product",
    "not g": "1 - condition",
    "~g": "1 - condition",
    "g > 0 and m > 0": "write (a > b) * (c > d)",
    "0 < g < 1": "write (a < b) * (b < c)",
    "g is m": "compares numbers only",
    "g if m > 0 else m": "np.where(c, a, b)",
    "np.sum(g)": "sums are row_sum and tensor_sum",
    "np.mean(g) * g": "sums are row_sum and tensor_sum",
    "np.linalg.norm(g)": "sums are row_sum and tensor_sum",
    "np.add.reduce(g)": "sums are row_sum and tensor_sum",
    "np.clip(g, 0, 1)": "not a function of single numbers",
    "np.matmul(g, g)": "not a function of single numbers",
    "np.divmod(g, 2)": "not a function of single numbers",
    "np.no_such(g)": "NumPy has no np.no_such",
    "np.sqrt(g, m)": "give it 1 argument",
    "np.maximum(*g)": "give it 2 arguments",
    "np.where(g > 0)": "give it 3 arguments",
    "np.maximum(g, out=m)": "leave out their names",
    "np.sqrt": "functions and numbers only",
    "np.float32": "functions and numbers only",
    "max(m, g)": "write np.maximum",
    "min(m, g)": "write np.minimum",
    "abs(g)": "write np.abs",
    "sum(g)": "write row_sum or tensor_sum",
    "pow(g, 2)": "write a ** b",
    "helper(g)": "helper is unknown",
    "no_such(g)": "no_such is unknown",
    "math.sqrt(g)": "a rule calls NumPy's functions",
    "g.sum()": "sums are row_sum and tensor_sum",
    "g.T": "no attributes",
    "tensor_mean(g)": "write from tuner.training.rule_language import tensor_mean",
    "row_sum(g, m)": "give it 1 argument",
    "row_sum(g * tensor_sum(g))": "cannot be summed over the row",
    "row_sum(g * hidden)": "cannot be summed over the row",
    "orthogonalize(g, m)": "one number for a tensor",
    "SHARE * g": "knows its arguments only",
    "unknown * g": "this name is unknown",
    "later * g": "it has no value yet",
    "lambda x: x": "no functions within",
    "g[0]": "no indices",
    "g[0:1]": "no indices",
    "'text'": "numbers, + - * / **",
    "None": "numbers, + - * / **",
    "1j * g": "numbers, + - * / **",
    "f'{g}'": "numbers, + - * / **",
    "[g]": "numbers, + - * / **",
    "(g, m)": "numbers, + - * / **",
    "{g}": "numbers, + - * / **",
    "{1: g}": "numbers, + - * / **",
    "[x for x in g]": "numbers, + - * / **",
    "{x for x in g}": "numbers, + - * / **",
    "{x: x for x in g}": "numbers, + - * / **",
    "(x for x in g)": "numbers, + - * / **",
    "(m := g)": "numbers, + - * / **",
    "(yield g)": "numbers, + - * / **",
    "(yield from g)": "numbers, + - * / **",
}
SAID = {"Constant", "Name", "BinOp", "UnaryOp", "Compare", "IfExp", "Call", "Attribute"}
NEVER_ALONE = {"Await", "FormattedValue", "Starred", "Slice", "TemplateStr", "Interpolation"}

# What is put in place of the return.
RETURNS = {
    "return theta - lr * m, m, v": "3 values for 4: return the new theta, m, v, total",
    "return theta - lr * m": "1 values for 4",
    "return theta, m, v, total, g": "5 values for 4",
    "return theta - lr * m, v, m, total": "v in the place of m: return the new theta, m, v, total",
    "return m, theta, v, total": "in this order",
    "return theta, m, v, total * g": "total is one number a row, which this is not",
    "return theta, m, v, total * tensor_sum(g)": "this one a tensor: write row_sum",
    "return": "ends with a return",
    "m = g": "ends with a return",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_that_rules_do_not_have_is_refused(statement: str, load: Any):
    line, said = refused(load, RULE.replace(MOMENTUM, statement))
    assert STATEMENTS[statement] in said
    assert line == line_of(MOMENTUM, statement, statement.splitlines()[0])


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("place", ["m = {}", "m = g + np.sqrt({})", "v = {} / (1 + t)"])
def test_an_expression_that_rules_do_not_have_is_refused(expression: str, place: str, load: Any):
    statement = place.format(f"({expression})" if place[-1] != "}" else expression)
    line, said = refused(load, RULE.replace(MOMENTUM, f"{statement}\n    later = g"))
    assert EXPRESSIONS[expression] in said
    assert line == line_of(MOMENTUM, statement, statement)


@pytest.mark.parametrize("ending", RETURNS)
def test_a_return_that_forgets_or_mixes_slots_is_refused(ending: str, load: Any):
    line, said = refused(load, RULE.replace(RETURN, ending))
    assert RETURNS[ending] in said
    assert line == len(RULE.splitlines())


def names(kind: type[ast.AST]) -> set[str]:
    return {k.__name__ for k in kind.__subclasses__() if k.__module__ == "ast"}


def test_all_of_pythons_statements_and_expressions_are_tried():
    written = [ast.parse(f"def f():\n    {s}").body[0].body[0] for s in STATEMENTS]
    assert names(ast.stmt) - NOT_HERE == {type(s).__name__ for s in written} | {"Return"}
    parsed = {type(ast.parse(e, mode="eval").body).__name__ for e in EXPRESSIONS}
    assert names(ast.expr) - NEVER_ALONE <= parsed | SAID


def test_no_function_of_numpy_that_is_not_one_of_single_numbers_is_let_through(load: Any):
    for name in dir(np):
        function = getattr(np, name)
        if not callable(function) or name == "where" or isinstance(function, np.ufunc):
            continue
        refused(load, RULE.replace(MOMENTUM, f"m = np.{name}(g)"))


@pytest.mark.parametrize("name", optimizers.names())
def test_no_rule_may_forget_a_slot_or_mix_two(name: str, load: Any):
    """Each rule of the folder, its return broken in every such way."""
    optimizer = optimizers.load(name)
    tree = ast.parse(Path(optimizer.rule.__code__.co_filename).read_text())
    rule = next(n for n in tree.body if isinstance(n, ast.FunctionDef))
    last = rule.body[-1]
    assert isinstance(last, ast.Return)
    values = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    swapped = [
        [values[0], *order]
        for order in permutations([ast.Name(slot) for slot in optimizer.slots])
        if [n.id for n in order] != list(optimizer.slots)
    ]
    for broken in [values[:-1]] * (len(values) > 1) + swapped[:6]:
        last.value = ast.Tuple(broken, ast.Load())
        text = ast.unparse(ast.fix_missing_locations(tree))
        _, said = refused(load, text.replace(f"def {rule.name}(", "def rule("))
        assert "in this order" in said


def test_a_choice_by_a_number_of_the_row_or_tensor_is_allowed(load: Any):
    load(RULE.replace(MOMENTUM, "m = g if hidden else m * (tensor_sum(g) if loss > 1 else t)"))


def test_a_file_without_its_function_is_refused(load: Any, tmp_path: Path):
    for text in ('"""Nothing."""\n', '"""Another."""\n\n\ndef other(theta, g, t, lr): ...\n'):
        with pytest.raises(RuleError, match=r"lonely\.py:1: no function lonely: a file's rule"):
            load(text, "lonely")


@pytest.mark.parametrize("value", ["3", "print", "lambda theta, g, t, lr: theta"])
def test_a_rule_is_one_function_written_out(value: str, load: Any):
    with pytest.raises(RuleError, match=r"is no function|is not written with def"):
        load(f'"""Short."""\n\nshort = {value}\n', "short")


def test_a_file_that_is_no_python_is_refused_with_its_line(load: Any):
    line, said = refused(load, RULE.replace(MOMENTUM, "m = = g"))
    assert line == line_of(MOMENTUM, "m = = g", "m = = g")
    assert "invalid syntax" in said


def test_the_language_is_what_the_tests_call(load: Any):
    """Every function of rule_language may be called as it is written."""
    imports = ", ".join(sorted(vars(rule_language).keys() & set(LANGUAGE)))
    text = RULE.replace("import orthogonalize, row_sum, tensor_sum", f"import {imports}")
    for name, arguments in LANGUAGE.items():
        load(text.replace(MOMENTUM, f"m = g * {name}({arguments})"))


LANGUAGE = {
    name: "g" if f.__code__.co_argcount == 1 else "g, 2"
    for name, f in vars(rule_language).items()
    if hasattr(f, "__code__")
}
