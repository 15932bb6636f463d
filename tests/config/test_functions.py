"""Promises of a function's declarations: what a signature says is the space, mistakes are one line.

Annotations are text here, as `from __future__ import annotations` makes them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import numpy as np
import pytest

import tuner
from tuner.composing import compose
from tuner.config import Config, check
from tuner.errors import UserError
from tuner.function import Branch, Function, declared
from tuner.search.ranges import Choices, Range
from tuner.study.calls.yields import arguments
from tuner.study.introduction import introduction

if TYPE_CHECKING:
    from decimal import Decimal

COMMAND = "python train.py"


def train(
    lr: float = tuner.range(1e-3, 1.0, scale="log"),
    width: int = tuner.choices([4, 8]),
    depth: Optional[int] = None,  # noqa: UP045 (as many people write it)
    mode: Literal["a", "b"] = "a",
    note: str = "x",
    flag: bool = False,
    rule: tuner.Branch = tuner.branch(
        sgd={"beta": tuner.range(0.5, 0.99), "steps": 3}, adam={"beta": 0.9}, plain=None
    ),
    batch_size: int = 32,
    *,
    epochs: int,
    seed: int,
) -> Any:
    yield {"validation_loss": lr}


def scheduled(lr: float = 0.1, *, epochs: int, schedule: Any, fold: int = 0, folds: int = 1) -> Any:
    yield {"validation_loss": lr}


def config(*settings: str, of: Callable[..., Any] = train, folder: str | None = None) -> Config:
    own = declared(of, COMMAND)
    return check(compose(list(settings), folder, own), own)


def refused(*settings: str, of: Callable[..., Any] = train, folder: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        config(*settings, of=of, folder=folder)
    assert caught.value.exit_code == 2
    (line,) = caught.value.args
    assert isinstance(line, str)
    return line


def yaml(folder: Path, text: str) -> str:
    (folder / "experiment").mkdir(exist_ok=True)
    (folder / "experiment/mine.yaml").write_text(f"# @package _global_\n{text}")
    return str(folder)


def test_a_signature_is_the_space() -> None:
    space = config().space
    assert space.searched == {
        "train.lr": Range(1e-3, 1.0, "log"),
        "train.width": Choices((4, 8)),
        "train.rule": Choices(("sgd", "adam", "plain")),
        "train.rule.sgd.beta": Range(0.5, 0.99),
    }
    assert space.fixed == {
        "train.depth": None,
        "train.mode": "a",
        "train.note": "x",
        "train.flag": False,
        "train.rule.sgd.steps": 3,
        "train.rule.adam.beta": 0.9,
        "train.batch_size": 32,
    }


# settings, and what is then fixed or searched
GIVEN: list[tuple[list[str], dict[str, Any]]] = [
    (["train.lr=0.1"], {"train.lr": 0.1}),
    (["lr=1"], {"train.lr": 1.0}),
    (["train.lr={choices: [0.1, 1]}"], {"train.lr": Choices((0.1, 1.0))}),
    (["train.lr={low: 0.1, high: 1}"], {"train.lr": Range(0.1, 1.0)}),
    (["train.lr.low=0.1"], {"train.lr": Range(0.1, 1.0, "log")}),
    (["train.width=5"], {"train.width": 5}),
    (["train.width=5.0"], {"train.width": 5}),
    (["train.width={low: 1, high: 8}"], {"train.width": Range(1, 8, integer=True)}),
    (
        ["train.width={low: 1, high: 9, step: 2}"],
        {"train.width": Range(1, 9, step=2, integer=True)},
    ),
    (["train.depth=3"], {"train.depth": 3}),
    (["train.depth=null"], {"train.depth": None}),
    (["train.depth={low: 1, high: 3}"], {"train.depth": Range(1, 3, integer=True)}),
    (["train.depth={choices: [null, 2]}"], {"train.depth": Choices((None, 2))}),
    (["train.mode=b"], {"train.mode": "b"}),
    (["train.mode={choices: [a, b]}"], {"train.mode": Choices(("a", "b"))}),
    (["train.note={choices: [x, 'y z']}"], {"train.note": Choices(("x", "y z"))}),
    (["train.flag=true"], {"train.flag": True}),
    (["train.flag={choices: [false, true]}"], {"train.flag": Choices((False, True))}),
    (["batch_size=64"], {"train.batch_size": 64}),
    (["train.rule=adam"], {"train.rule": "adam", "train.rule.adam.beta": 0.9}),
    (["rule=adam"], {"train.rule": "adam"}),
    (["train.rule=[sgd,adam]"], {"train.rule": Choices(("sgd", "adam"))}),
    (["train.rule={choices: [plain, sgd]}"], {"train.rule": Choices(("plain", "sgd"))}),
    (["train.rule={sgd: {beta: 0.7, steps: 4}}"], {"train.rule": "sgd", "train.rule.sgd.steps": 4}),
    (["train.rule.sgd.beta=0.7"], {"train.rule.sgd.beta": 0.7}),
    (["train.rule.adam.beta={low: 0, high: 1}"], {"train.rule.adam.beta": Range(0.0, 1.0)}),
    (["steps={low: 1, high: 3}"], {"train.rule.sgd.steps": Range(1, 3, integer=True)}),
    (["train.rule=sgd", "beta=0.7"], {"train.rule": "sgd", "train.rule.sgd.beta": 0.7}),
]


@pytest.mark.parametrize(("settings", "expected"), GIVEN, ids=lambda own: " ".join(own))
def test_a_command_fixes_and_searches_what_it_likes(
    settings: list[str], expected: dict[str, Any]
) -> None:
    if settings[-1] == "beta=0.7":
        assert "give train.rule.sgd.beta=0.7 or" in refused(*settings)
        settings[-1] = "train.rule.sgd.beta=0.7"
    space = config(*settings).space
    found = {**space.fixed, **space.searched}
    assert {path: found[path] for path in expected} == expected
    assert {path: repr(found[path]) for path in expected} == {
        path: repr(value) for path, value in expected.items()
    }


def test_settings_of_options_that_are_not_chosen_are_gone() -> None:
    space = config("train.rule=plain").space
    assert not [
        path for path in {**space.fixed, **space.searched} if path.startswith("train.rule.")
    ]


@pytest.mark.parametrize("first", [0, 1])
def test_a_setting_of_an_option_that_is_not_chosen_is_refused_in_any_order(first: int) -> None:
    settings = ["train.rule=plain", "train.rule.sgd.beta=0.7"]
    line = refused(settings[first], settings[1 - first])
    assert line == "train.rule.sgd.beta: 0.7: there is no train.rule.sgd in this config"


def test_a_function_gets_what_was_chosen() -> None:
    settings = {"lr": 0.1, "width": 4, "depth": None, "mode": "a", "note": "x", "flag": True}
    own = {**settings, "rule": "sgd", "rule.sgd.beta": 0.7, "rule.sgd.steps": 3, "batch_size": 32}
    given = arguments(declared(train, COMMAND), own)
    rule = given.pop("rule")
    assert given == {**settings, "batch_size": 32}
    assert isinstance(rule, Branch)
    assert (rule.name, dict(rule), rule.beta) == ("sgd", {"beta": 0.7, "steps": 3}, 0.7)
    with pytest.raises(AttributeError, match=r"^sgd has beta, steps, not gamma$"):
        _ = rule.gamma


# A YAML of the user's, and what is then fixed or searched.
FILES: list[tuple[str, dict[str, Any]]] = [
    (
        "train: {lr: 0.1, width: {choices: [1, 2]}}",
        {"train.lr": 0.1, "train.width": Choices((1, 2))},
    ),
    ("train: {rule: adam}", {"train.rule": "adam", "train.rule.adam.beta": 0.9}),
    ("train: {rule: [adam, plain]}", {"train.rule": Choices(("adam", "plain"))}),
    ("train: {rule: {choices: [adam, plain]}}", {"train.rule": Choices(("adam", "plain"))}),
    (
        "train:\n  rule:\n    sgd: {beta: 0.6}",
        {"train.rule.sgd.beta": 0.6, "train.rule.sgd.steps": 3},
    ),
    ("train:\n  rule:\n    sgd:", {"train.rule.sgd.steps": 3}),
    ("budget: {trials: 3}\ntrain: {depth: 2}", {"train.depth": 2}),
]


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_a_file_of_the_users_says_so_too(
    text: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    space = config("+experiment=mine", folder=yaml(tmp_path, text)).space
    found = {**space.fixed, **space.searched}
    assert {path: found[path] for path in expected} == expected


def test_the_command_comes_before_the_file(tmp_path: Path) -> None:
    folder = yaml(tmp_path, "train: {lr: 0.1, rule: {adam: {beta: 0.5}}}")
    space = config("+experiment=mine", "train.lr=0.2", "rule=adam", folder=folder).space
    assert (space.fixed["train.lr"], space.fixed["train.rule.adam.beta"]) == (0.2, 0.5)


def test_a_branch_may_be_of_a_file_alone(tmp_path: Path) -> None:
    def free(rule: tuner.Branch, *, epochs: int) -> Any:
        yield {"validation_loss": epochs}

    assert refused(of=free) == ("free.rule: {}: must hold one option or more, as {sgd: {lr: 0.1}}")
    text = "free:\n  rule:\n    sgd: {lr: {low: 0.1, high: 1}}\n    other:\n"
    space = config("+experiment=mine", of=free, folder=yaml(tmp_path, text)).space
    assert space.searched == {
        "free.rule": Choices(("sgd", "other")),
        "free.rule.sgd.lr": Range(0.1, 1.0),
    }
    text = "free: {rule: {'a b': {lr: 1}}}"
    assert "must be a name of letters" in refused(
        "+experiment=mine", of=free, folder=yaml(tmp_path, text)
    )


def test_conditions_compare_settings_of_the_function() -> None:
    space = config("where=['lr * width < 1', 'train.mode == \"a\"']", "rule=adam").space
    assert len(space.conditions) == 2


@pytest.mark.parametrize("schedule", ["cosine", "[cosine,one_cycle]"])
def test_a_schedule_is_there_for_a_function_that_asks_for_it(schedule: str) -> None:
    space = config(f"schedule={schedule}", of=scheduled).space
    assert ("schedule" in space.searched) == schedule.startswith("[")
    parts = "schedule.parts=[{name: constant, until: 0.5}, {name: cosine}]"
    assert config(parts, of=scheduled).space.fixed["schedule"] == "parts"
    assert "needs validation losses" in refused("schedule=reduce_on_plateau", of=scheduled)
    assert config("data.folds=3", of=scheduled).data.folds == 3


def test_few_trials_at_once_are_compared_with_earlier_ones() -> None:
    assert config().pruner.name == "halving"
    assert config("study.cohort=3").pruner.name == "optuna"
    assert config("study.cohort=4").pruner.name == "halving"
    assert config("study.cohort=1", "pruner=none").pruner.name == "none"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            [],
            "Trials: 8 at a time; the trials of a cohort are compared, and the worse ones are "
            "pruned "
            "(study.cohort=8, pruner=halving); the best 3 are confirmed on 5 fresh seeds "
            "(confirm.top=3).",
        ),
        (
            ["study.cohort=1", "confirm.top=1"],
            "Trials: one by one; each is compared with earlier ones (study.cohort=1, "
            "pruner=optuna); the best trial is confirmed on 5 fresh seeds (confirm.top=1).",
        ),
        (
            ["workers=16", "pruner=none", "confirm.top=0"],
            "Trials: 8 at a time; none is pruned (study.cohort=8, pruner=none); no trial is "
            "confirmed on fresh seeds (confirm.top=0). study.cohort=16 would keep all workers "
            "busy.",
        ),
    ],
)
def test_what_is_chosen_where_nothing_is_said_is_told(settings: list[str], said: str) -> None:
    assert introduction(config(*settings), None)[1] == said


@pytest.mark.parametrize(
    ("metric", "greater"),
    [("validation_accuracy", True), ("val_rmse", False), ("f1", True), ("test_error", False)],
)
def test_the_name_of_a_metric_says_which_numbers_are_better(metric: str, greater: bool) -> None:
    from tuner.study.functions import goal_of

    assert goal_of(config(f"metric={metric}")).greater_is_better == greater
    turned = config(f"metric={metric}", f"direction={'minimize' if greater else 'maximize'}")
    assert goal_of(turned).greater_is_better != greater


class Trains:
    """A class whose methods and objects may be given."""

    def method(self, lr: float = 0.1, *, epochs: int) -> Any:
        yield {"validation_loss": lr}

    def __call__(self, lr: float = 0.1) -> Any:
        yield {"validation_loss": lr}


@functools.wraps(train)
def wrapped(*args: Any, **more: Any) -> Any:
    return train(*args, **more)


HALF, THREE, TRUE = np.float32(0.5), np.int64(3), np.bool_(True)
LISTED, RANGED = tuner.choices(np.arange(3)), tuner.range(np.float64(0.1), np.float64(1))


def numpys(lr: Any = HALF, n=THREE, flag=TRUE, width=LISTED, rate=RANGED) -> Any:  # type: ignore[no-untyped-def]
    yield {}


def test_numbers_of_numpy_are_numbers() -> None:
    own = declared(numpys, COMMAND)
    assert repr(own.settings) == repr(
        {
            "lr": 0.5,
            "n": 3,
            "flag": True,
            "width": {"choices": [0, 1, 2]},
            "rate": {"low": 0.1, "high": 1.0, "scale": "linear"},
        }
    )
    kinds = {"lr": "any", "n": "whole", "flag": "flag", "width": "whole", "rate": "number"}
    assert own.kinds == kinds


def test_a_method_a_wrapped_and_a_nested_function_are_functions() -> None:
    def nested(lr: float = 0.1) -> Any:
        yield {"validation_loss": lr}

    assert list(declared(Trains().method, COMMAND).settings) == ["lr"]
    assert declared(wrapped, COMMAND).settings == declared(train, COMMAND).settings
    assert list(config(of=nested).space.fixed) == ["nested.lr"]


def test_an_annotation_that_cannot_be_read_says_nothing_and_the_others_count() -> None:
    def some(a: Decimal = 3, b: float = 1, c: int | None = None, d: Union[int, float] = 1) -> Any:  # type: ignore[assignment]  # noqa: UP007
        yield {}

    own = declared(some, COMMAND)
    assert own.kinds == {"a": "whole", "b": "number", "c": "whole", "d": "number"}
    assert own.values == {"c": [None]}


def test_what_a_study_keeps_of_a_function_is_read_again() -> None:
    own = declared(train, COMMAND)
    assert Function.of(own.plain()).plain() == own.plain()
    for key, wrong in [("values", 3), ("options", {"rule": {"sgd": 3}}), ("kinds", {"lr": "x"})]:
        with pytest.raises(
            UserError, match=r"^function: .* is not a function as a study's config stores it"
        ):
            Function.of({**own.plain(), key: wrong})


class Colour(Enum):
    RED = 1


async def asynchronous(lr: float = 0.1) -> Any:
    yield {"validation_loss": lr}


def of_default(default: Any) -> Callable[..., Any]:
    def one(x=default) -> Any:  # type: ignore[no-untyped-def]
        yield {"validation_loss": x}

    return one


def made(parameters: str, name: str = "made") -> Callable[..., Any]:
    """A function of this signature."""
    found: dict[str, Any] = {}
    exec(f"def {name}({parameters}):\n    yield {{}}", {"tuner": tuner}, found)
    return found[name]  # type: ignore[no-any-return]


TAKEN = ("study", "metric", "yes", "optimizer", "function", "best")

# what is no training function, or no setting, and what the line says
BAD: list[tuple[Any, str]] = [
    (3, "3: is not a function: give one that yields numbers"),
    (None, "None: is not a function"),
    (Trains, "Trains: is a class: give a function, or a method of an object of it"),
    (Trains(), "an object of Trains has no name for the config: give a function defined with def"),
    (functools.partial(train), "an object of partial has no name"),
    (lambda x=3: (yield x), "a lambda has no name"),
    (asynchronous, "asynchronous(): is async: define it with def and yield"),
    (made("*args"), "made(): *args: name each setting"),
    (made("**more"), "made(): **more: name each setting"),
    (made("x=3, /"), "made(): x: tuner passes it by name: remove the / from the signature"),
    (made("x"), "made(): x: has no default: give a number, tuner.range(...) or tuner.choices(...)"),
    (made("epoch"), "tuner itself gives epochs, seed, fold"),
    (made("größe=3"), "made(): größe: must consist of ASCII letters: give another name"),
    (made("", name="größe"), "größe(): must consist of ASCII letters: give another name"),
    (made("low=3"), "made(): low: is a reserved word of ranges: give another name"),
    (made("epochs=tuner.range(1, 3)"), "made(): epochs: tuner passes it: leave out its range"),
    *(
        (made("", name=name), f"{name}(): is called as a key")
        for name in ("study", "metric", "yes")
    ),
    *((made("", name=name), f"{name}(): is called as a key") for name in ("optimizer", "function")),
    (of_default([1, 2]), "one(): x: [1, 2]: must be a number, text, true or false, tuner.range"),
    (of_default({"a": 1}), "one(): x: {'a': 1}: must be a number"),
    (of_default(Path("x")), "one(): x: PosixPath('x'): must be a number"),
    (of_default(Colour.RED), "one(): x: <Colour.RED: 1>: must be a number"),
    (of_default(np.tanh), "one(): x: <ufunc 'tanh'>: must be a number"),
    (of_default(range(3)), "one(): x: range(0, 3): must be a number"),
    (of_default(float("nan")), "one.x: nan: must be finite"),
    (of_default("${oc.env:HOME}"), "Hydra does not read it as text"),
    (of_default("???"), "Hydra does not read it as text"),
    (of_default(tuner.choices([])), "one(): x: choices: []: must be a list of one value or more"),
    (of_default(tuner.choices("abc")), "one(): x: choices: 'abc': must be a list"),
    (of_default(tuner.choices(3)), "one(): x: choices: 3: must be a list"),  # type: ignore[arg-type]
    (of_default(tuner.choices([[1]])), "one(): x: choices: [1]: must be a number"),
    (of_default(tuner.choices([1, 1])), "one.x.choices: [1, 1]: must not contain a value twice"),
    (of_default(tuner.range(1, 0)), "one.x: low (1) must be below high (0)"),
    (of_default(tuner.range(0, 1, scale="log")), "one.x.low: 0: must be above 0 on a log scale"),
    (of_default(tuner.range(0, 1, scale="cubic")), "one.x.scale: 'cubic': must be linear, log"),
    (of_default(tuner.range(0, float("inf"))), "one.x.high: inf: must be finite"),
    (of_default(tuner.range(0, 2**60)), "one.x.high: 1152921504606846976: must be at least"),
    (of_default(tuner.branch()), "one.x: {}: must hold one option or more"),
    (of_default(tuner.branch(a=3)), "one(): x.a: 3: must be the settings of the option"),  # type: ignore[arg-type]
    (of_default(tuner.branch(a={"y": [1]})), "one(): x.a.y: [1]: must be a number"),
    (of_default(tuner.branch(a={"y z": 1})), "one(): x.a: 'y z': must be a name of letters"),
    (of_default(tuner.branch(low={})), "one(): x.low: 'low': must be a name of letters"),
    (of_default(tuner.branch(a={"y": tuner.branch(b={})})), "x.a.y: is a nested branch"),
    (made("x: float = 'abc'"), "made.x: 'abc': must be a number"),
    (made("x: int = 0.5"), "made.x: 0.5: must be a whole number"),
    (made("x: int = tuner.range(0.5, 2)"), "made.x.low: 0.5: must be a whole number"),
    (made("x: bool = 1"), "made.x: 1: must be true or false"),
    (
        made("x: str = tuner.range(1, 2)"),
        "made.x: {'low': 1, 'high': 2, 'scale': 'linear'}: must be",
    ),
]


@pytest.mark.parametrize(("call", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_a_declaration_that_cannot_be_is_one_line(call: Any, said: str) -> None:
    assert said in refused(of=call)


def test_what_is_given_of_a_space_is_checked_as_what_is_declared() -> None:
    own = declared(train, COMMAND, {"lr": 0.1, "rule": ["adam"], "width": tuner.range(1, 5)})
    assert own.settings["lr"] == 0.1
    assert own.settings["rule"] == {"adam": {"beta": 0.9}}
    assert own.settings["width"] == {"low": 1, "high": 5, "scale": "linear"}
    assert declared(train, COMMAND, {"rule": {"x": {"y": 1}}}).options == {
        "rule": {"x": {"y": "whole"}}
    }
    for space, said in [
        ({"rate": 1}, r"train\(\): rate: is not a setting of the function, which has lr, width"),
        (
            {"rule": "nope"},
            r"train\(\): rule: 'nope': must be options of it, which has sgd",
        ),
        ({"lr": [1, 2]}, r"train\(\): lr: \[1, 2\]: must be a number"),
    ]:
        with pytest.raises(UserError, match=said):
            declared(train, COMMAND, space)
