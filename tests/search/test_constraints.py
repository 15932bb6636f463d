"""Promises of conditions: they mean what they say, and nothing in them is ever run."""

import ast
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.errors import UserError
from tuner.search import constraints
from tuner.search.constraints import NUMBER, TEXT, Condition, parse

KINDS = {
    "optimizer": TEXT,
    "optimizer.adam.lr": NUMBER,
    "optimizer.adam.beta1": NUMBER,
    "optimizer.sgd.lr": NUMBER,
    "optimizer.sgd.momentum": NUMBER,
    "model.mlp.hidden.0": NUMBER,
    "model.mlp.hidden.1": NUMBER,
    "model.mlp.widths": "",
    "schedule.cosine.final": NUMBER,
    "batch_size": NUMBER,
}
ADAM = {
    "optimizer": "adam",
    "optimizer.adam.lr": 0.2,
    "optimizer.adam.beta1": 0.9,
    "model.mlp.hidden.0": 64,
    "model.mlp.hidden.1": 32,
    "schedule.cosine.final": 0.0,
    "batch_size": 16,
}
SGD = {"optimizer": "sgd", "optimizer.sgd.lr": 2.0, "optimizer.sgd.momentum": 0.5, "batch_size": 8}


def condition(text: str) -> Condition:
    return parse(text, KINDS, ["optimizer"])


@pytest.mark.parametrize(
    ("text", "adam", "sgd"),
    [
        ("lr < 1", True, False),
        ("optimizer.adam.lr < 0.1", False, True),
        ("momentum < 1 - lr", True, False),
        ("beta1 + lr > 1 and batch_size == 16", True, True),
        ("hidden[1] <= model.mlp.hidden[0]", True, True),
        ("hidden[0] < hidden[1]", False, True),
        ("0.1 <= lr < 2.5", True, True),
        ("0.1 <= lr < 2", True, False),
        ("optimizer == 'sgd' or batch_size > 8", True, True),
        ("optimizer != 'sgd'", True, False),
        ("not (lr >= 1 or batch_size < 4)", True, False),
        ("log10(lr) < 0", True, False),
        ("min(lr, 1, batch_size) == 1", False, True),
        ("max(lr, 1) == 2", False, True),
        ("abs(-lr) <= sqrt(lr**2) * exp(0) + 1e-12", True, True),
        ("1 / final > 0", False, True),
        ("not 1 / final > 0", False, True),
        ("9**9**9**9 > lr", False, False),
    ],
)
def test_a_condition_means_what_it_says(text: str, adam: bool, sgd: bool):
    assert condition(text).holds(ADAM) is adam
    assert condition(text).holds(SGD) is sgd


def test_a_condition_holds_where_a_setting_that_it_names_does_not_count():
    for text in ("momentum < 0", "lr < 0 and momentum < 0", "momentum < 0 and lr < 0"):
        assert condition(text).holds(ADAM)
        assert not condition(text).holds(SGD)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "lr.__class__ == lr",
        "(lambda: 1)() < 2",
        "[x for x in (1,)] == 1",
        "lr if lr < 1 else 2",
        "(lr := 1) < 2",
        "f'{lr}' == 'a'",
        "lr in (1, 2)",
        "lr is 1",
        "lr % 2 < 1",
        "~batch_size < 1",
        "True",
        "lr < True",
        "lr",
        "lr + 1",
        "'a' < 'b'",
        "lr < 'a'",
        "optimizer < 1",
        "not lr",
        "lr and batch_size < 1",
        "log(lr, 2) < 1",
        "min(lr) < 1",
        "log() < 1",
        "open('x') == 1",
        "log(x=lr) < 1",
        "hidden[lr] < 1",
        "hidden[0:1] < 1",
        "momentun < 1",
        "hidden < 1",
        "widths < 1",
        "lr = 1",
        "lr <",
        "",
        "   ",
        "lr < 1; lr < 2",
        "lr < 1\x00",
        "(" * 150 + "lr",
        "-" * 190 + "1",
        "9" * 400 + " < lr",
        3,
        None,
        ["lr < 1"],
        "lr < 1 " + "and lr < 1" * 30,
    ],
)
def test_what_is_no_condition_is_one_line_and_is_not_run(text: object):
    with pytest.raises(UserError) as caught:
        parse(text, KINDS, ["optimizer"])
    (line,) = str(caught.value).splitlines()
    assert line.startswith("where: ")
    assert len(line) < 290


def test_an_unknown_name_is_told_its_like():
    with pytest.raises(UserError, match=r"momentun: unknown setting: did you mean momen"):
        condition("momentun < 1")


def test_a_name_that_could_be_two_settings_of_one_trial_must_be_a_path():
    kinds = {"optimizer.adam.lr": NUMBER, "schedule.cosine.lr": NUMBER}
    with pytest.raises(UserError, match=r"optimizer\.adam\.lr or schedule\.cosine\.lr"):
        parse("lr < 1", kinds, ["optimizer", "schedule"])
    # Without branches nothing tells two optimizers apart.
    with pytest.raises(UserError, match="give its path"):
        parse("lr < 1", KINDS, [])


def test_a_whole_path_is_never_ambiguous():
    kinds = {"lr": NUMBER, "optimizer.adam.lr": NUMBER}
    assert parse("lr < 1", kinds, []).holds({"lr": 0.5, "optimizer.adam.lr": 2.0})


numbers = st.floats(0.01, 100, allow_nan=False)
expressions = st.recursive(
    st.sampled_from(["lr", "beta1", "batch_size", "2", "0.5"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=6,
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    left=expressions, right=expressions, sign=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    lr=numbers, beta1=numbers, size=st.integers(1, 64),
)  # fmt: skip
def test_arithmetic_is_pythons(
    left: str, right: str, sign: str, lr: float, beta1: float, size: int
):
    text = f"{left} {sign} {right}"
    given = {"optimizer.adam.lr": lr, "optimizer.adam.beta1": beta1, "batch_size": size}
    names = {"lr": lr, "beta1": beta1, "batch_size": size, "max": max}
    try:
        expected = eval(compile(ast.parse(text, mode="eval"), "", "eval"), {}, names)
    except ZeroDivisionError:
        expected = False
    if len(text) <= constraints.LONGEST:
        assert condition(text).holds(given) == expected


def test_infinity_is_a_number_like_any_other():
    assert constraints.kind([math.inf, 1]) == NUMBER
    assert parse("clip < 1", {"clip": NUMBER}, []).holds({"clip": math.inf}) is False
