"""Promises of the schema: every mistake is named in one line, before anything starts."""

import math
from copy import deepcopy
from typing import Any

import pytest

from tuner.__main__ import compose
from tuner.config import check
from tuner.errors import UserError
from tuner.search.space import Choices, Range
from tuner.training import optimizers, schedules
from tuner.training.domains import Hyperparameter


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return compose([], None)


def changed(composed: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the composed config with another value at a path, or without it."""
    plain = deepcopy(composed)
    *folders, key = path.split(".")
    place = plain
    for folder in folders:
        place = place[folder]
    place[key] = value
    return plain


def complaints(plain: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        check(plain)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


LR, B1 = "optimizer.adam.lr", "optimizer.adam.beta1"


def test_the_config_as_it_comes_is_right(composed: dict[str, Any]):
    config = check(composed)
    assert config.space.fixed["optimizer"] == "adam"
    assert config.space.fixed["optimizer.adam.clip_norm"] == math.inf
    assert config.space.searched[LR] == Range(1e-5, 0.1, "log")
    assert config.space.searched[B1].scale == "reverse_log"


# path, value, what the line must say beside the path
BAD: list[tuple[str, Any, list[str]]] = [
    # keys that there are not
    ("thread", 2, ["did you mean threads?"]),
    ("study.sead", 1, ["did you mean seed?"]),
    ("budget.trails", 1, ["did you mean trials?"]),
    ("data.fraction", 0.1, ["no such key"]),
    ("optimizer.adam.beta_1", 0.9, ["did you mean beta1?"]),
    ("optimizer.adam.learning_rate", 0.9, ["lr", "beta1"]),
    ("optimizer.adma", {}, ["did you mean", "adam"]),
    ("schedule.cosin", {}, ["did you mean cosine"]),
    ("model.activaton", "relu", ["did you mean activation?"]),
    ("optimizer.adam.lr", {"low": 0.1, "hihg": 0.2}, ["hihg", "did you mean high?"]),
    # numbers out of their domain
    (LR, 0.0, ["0.0", "above 0"]),
    (LR, -1, ["-1", "above 0"]),
    (B1, 1.0, ["1.0", "below 1"]),
    (B1, -0.1, ["-0.1", "at least 0"]),
    ("optimizer.adam.weight_decay", -1e-3, ["-0.001", "at least 0"]),
    ("optimizer.adam.clip_norm", 0, ["0", "above 0"]),
    ("schedule.cosine.final", 1.5, ["1.5", "at most 1"]),
    ("batch_size", 0, ["0", "at least 1"]),
    ("model.hidden", [0], ["0", "at least 1"]),
    ("budget.trials", 0, ["0", "at least 1"]),
    ("budget.epochs", -3, ["-3", "at least 1"]),
    ("budget.seconds", 0, ["0", "above 0"]),
    ("threads", 0, ["0", "at least 1"]),
    ("study.seed", -1, ["-1", "at least 0"]),
    ("study.seed", 2**32, [str(2**32), "below"]),
    ("study.cohort", 0, ["0", "at least 1"]),
    ("data.validation_fraction", 0.0, ["0.0", "above 0"]),
    ("data.validation_fraction", 1.0, ["1.0", "below 1"]),
    ("pruner.keep", 1.0, ["1.0", "below 1"]),
    ("pruner.first_rung", 0.0, ["0.0", "above 0"]),
    ("sampler.startup", 0, ["0", "at least 1"]),
    # ranges
    (LR, {"low": 0.1, "high": 0.01}, ["low (0.1) must be below high (0.01)"]),
    (LR, {"low": 0.1, "high": 0.1}, ["must be below"]),
    (LR, {"low": 0.1}, ["high", "missing"]),
    (LR, {"high": 0.1}, ["low", "missing"]),
    (LR, {}, ["low", "missing"]),
    (LR, {"low": 0, "high": 1, "scale": "log"}, ["low", "above 0"]),
    (LR, {"low": -1, "high": 1}, ["low", "-1", "above 0"]),
    (LR, {"low": 0.1, "high": 0.2, "scale": "logg"}, ["scale", "logg", "log", "linear"]),
    (LR, {"low": 0.1, "high": 0.2, "step": 0.3}, ["step", "0.3", "at most"]),
    (LR, {"low": 0.1, "high": 0.2, "step": 0}, ["step", "0", "above 0"]),
    (LR, {"low": 0.1, "high": 0.2, "step": -0.1}, ["step", "-0.1", "above 0"]),
    (LR, {"low": 0.1, "high": 0.2, "step": 0.1, "scale": "log"}, ["step", "linear"]),
    (LR, {"low": 0.5, "high": 1.0, "scale": "reverse_log"}, ["high", "below 1"]),
    (B1, {"low": 0.5, "high": 1.0}, ["high", "1.0", "below 1"]),
    ("optimizer.adam.weight_decay", {"low": 0, "high": 1, "scale": "log"}, ["low", "above 0"]),
    ("batch_size", {"low": 1, "high": 8.5}, ["high", "8.5", "whole"]),
    ("batch_size", {"low": 1, "high": 8, "step": 0.5}, ["step", "0.5", "whole"]),
    ("batch_size", {"low": 1, "high": 8, "scale": "reverse_log"}, ["reverse_log"]),
    # choices
    (LR, {"choices": []}, ["choices", "[]", "one value or more"]),
    (LR, {"choices": 0.1}, ["choices", "0.1", "list"]),
    (LR, {"choices": [0.1, 0.1]}, ["choices", "twice"]),
    (LR, {"choices": [1, 1.0]}, ["choices", "twice"]),
    (LR, {"choices": [0.1, -1]}, ["choices", "-1", "above 0"]),
    (LR, {"choices": [[0.1]]}, ["choices", "[0.1]", "number"]),
    ("model.activation", {"choices": ["relu", "relux"]}, ["choices", "relux", "tanh"]),
    ("model.activation", {"low": 1, "high": 2}, ["one of", "relu"]),
    ("model.hidden", {"choices": [[]]}, ["choices", "[]"]),
    ("model.hidden", {"choices": [[8, 0]]}, ["choices", "0", "at least 1"]),
    # numbers that are none
    (LR, math.nan, ["nan"]),
    (LR, math.inf, ["inf"]),
    (LR, 10**400, ["must be"]),
    (LR, {"low": 0.1, "high": math.inf}, ["high", "inf"]),
    (LR, {"low": math.nan, "high": 0.1}, ["low", "nan"]),
    (LR, {"low": 0.1, "high": 0.2, "step": math.nan}, ["step", "nan"]),
    (LR, {"choices": [math.nan]}, ["choices", "nan"]),
    ("batch_size", math.nan, ["nan"]),
    ("batch_size", math.inf, ["inf"]),
    ("batch_size", {"low": 1, "high": math.inf}, ["high", "inf"]),
    ("model.hidden", [math.nan], ["nan"]),
    ("budget.seconds", math.nan, ["nan"]),
    ("budget.seconds", math.inf, ["inf"]),
    ("budget.epochs", math.inf, ["inf"]),
    ("pruner.keep", math.nan, ["nan"]),
    # things of another kind
    (LR, "fast", ["'fast'", "number"]),
    (LR, True, ["True", "number"]),
    (LR, [0.1], ["[0.1]", "number"]),
    ("batch_size", 3.5, ["3.5", "whole number"]),
    ("batch_size", None, ["None", "whole number"]),
    ("model.hidden", [8.5], ["8.5", "whole number"]),
    ("model.hidden", [], ["[]"]),
    ("model.hidden", "wide", ["'wide'", "whole number"]),
    ("model.activation", "relux", ["'relux'", "relu", "tanh", "logistic"]),
    ("model.activation", 3, ["3", "relu"]),
    ("model.name", "forest", ["'forest'", "mlp"]),
    ("model.name", ["mlp"], ["mlp"]),
    ("model", None, ["None", "mlp"]),
    ("optimizer", None, ["one or more"]),
    ("optimizer", {}, ["one or more"]),
    ("optimizer.adam", [1], ["[1]", "mapping"]),
    ("schedule", "cosine", ["one or more"]),
    ("budget.trials", 2.5, ["2.5", "whole number"]),
    ("budget.trials", "many", ["'many'", "whole number"]),
    ("budget", None, ["None"]),
    ("study.name", "../up", ["'../up'"]),
    ("study.name", "", ["''"]),
    ("study.name", "a/b", ["'a/b'"]),
    ("dtype", "float16", ["'float16'", "float32", "float64"]),
    ("data.scale", "robust", ["'robust'", "standard", "minmax"]),
    ("sampler.name", "gp", ["'gp'", "tpe", "random"]),
    ("pruner.name", "median", ["'median'", "halving", "none"]),
    ("tracking.name", "wandb", ["'wandb'", "mlflow", "none"]),
]


def shown(value: Any) -> str:
    return str(value)[:40]


@pytest.mark.parametrize(("path", "value", "said"), BAD, ids=[f"{p}={shown(v)}" for p, v, _ in BAD])
def test_a_mistake_is_one_line_with_its_key_and_what_is_allowed(
    path: str, value: Any, said: list[str], composed: dict[str, Any]
):
    lines = complaints(changed(composed, path, value))
    assert len(lines) == 1
    key, _, rest = lines[0].partition(": ")
    assert key.startswith(path)
    assert rest
    for words in said:
        assert words in lines[0]
    assert "pydantic" not in lines[0].lower()
    assert "http" not in lines[0]
    assert "<class" not in lines[0]


@pytest.mark.parametrize(
    "path", ["optimizer.adam", "optimizer", "schedule.cosine", "model", "study"]
)
def test_a_key_that_is_a_number_is_a_mistake_like_any_other(path: str, composed: dict[str, Any]):
    plain = deepcopy(composed)
    place = plain
    for folder in path.split("."):
        place = place[folder]
    place[7] = 1
    lines = complaints(plain)
    assert len(lines) == 1
    assert f"{path}.7: " in lines[0]


def test_several_mistakes_are_several_lines(composed: dict[str, Any]):
    plain = composed
    for path, value in ((LR, -1), (B1, 1.0), ("batch_size", 0), ("budget.trials", 0), ("dytpe", 1)):
        plain = changed(plain, path, value)
    keys = [line.partition(":")[0] for line in complaints(plain)]
    assert sorted(keys) == sorted([LR, B1, "batch_size", "budget.trials", "dytpe"])


def test_a_key_that_is_missing_is_named(composed: dict[str, Any]):
    plain = deepcopy(composed)
    del plain["study"]["seed"]
    assert complaints(plain) == ["study.seed: is missing"]


def test_a_reversed_range_is_told_in_the_words_of_the_house(composed: dict[str, Any]):
    plain = changed(composed, LR, {"low": 0.1, "high": 0.01, "scale": "log"})
    assert complaints(plain) == [f"{LR}: low (0.1) must be below high (0.01)"]


@pytest.mark.parametrize("name", optimizers.names())
def test_every_hyperparameter_of_an_optimizer_may_be_left_out_fixed_or_searched(
    name: str, composed: dict[str, Any]
):
    optimizer = optimizers.load(name)
    left_out = check(changed(composed, "optimizer", {name: None})).space
    for key, hyperparameter in optimizer.hyperparameters.items():
        path = f"optimizer.{name}.{key}"
        assert left_out.fixed[path] == hyperparameter.default
        if optimizer.averages and key in ("ema", "tail_average"):
            continue  # it averages by itself
        low, high = allowed(hyperparameter)
        fixed = check(changed(composed, "optimizer", {name: {key: low}})).space
        assert fixed.fixed[path] == low
        searched = check(changed(composed, "optimizer", {name: {key: {"low": low, "high": high}}}))
        assert searched.space.searched[path] == Range(low, high)


def allowed(hyperparameter: Hyperparameter) -> tuple[float, float]:
    """Two numbers of its domain, in order."""
    pairs = [(0.25, 0.5), (1.25, 1.5)]
    return next(p for p in pairs if all(number in hyperparameter.domain for number in p))


@pytest.mark.parametrize("name", [n for n in optimizers.names() if optimizers.load(n).averages])
def test_validation_sees_one_average_at_the_most(name: str, composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "optimizer", {name: {"ema": 0.9}}))
    assert line == f"optimizer.{name}.ema: {name} averages by itself: give 0"
    both = {"sgd": {"ema": 0.9, "tail_average": 0.5}}
    (line,) = complaints(changed(composed, "optimizer", both))
    assert line.startswith("optimizer.sgd.tail_average: goes without optimizer.sgd.ema")


@pytest.mark.parametrize("name", schedules.names())
def test_every_hyperparameter_of_a_schedule_may_be_searched(name: str, composed: dict[str, Any]):
    for key, hyperparameter in schedules.schedule_hyperparameters(name).items():
        options = allowed(hyperparameter)
        plain = changed(composed, "schedule", {name: {key: {"choices": list(options)}}})
        assert check(plain).space.searched[f"schedule.{name}.{key}"] == Choices(options)


def test_several_optimizers_are_a_branch(composed: dict[str, Any]):
    plain = changed(composed, "optimizer", {"adam": {"lr": 0.1}, "sgd": {"lr": 0.2}})
    space = check(plain).space
    assert space.searched["optimizer"] == Choices(("adam", "sgd"))
    assert space.branches["optimizer"] == ("adam", "sgd")
    assert "optimizer" not in space.fixed


def test_hidden_layers_may_be_widths_ranges_or_choices_of_lists(composed: dict[str, Any]):
    def space(hidden: Any) -> Any:
        return check(changed(composed, "model.hidden", hidden)).space

    assert space([64, 32]).fixed["model.hidden.1"] == 32
    ranged = space([{"low": 8, "high": 64, "scale": "log"}])
    assert ranged.searched["model.hidden.0"] == Range(8, 64, "log", integer=True)
    chosen = space({"choices": [[64], [64, 32]]})
    assert chosen.searched["model.hidden"] == Choices(([64], [64, 32]))


def test_a_grid_over_a_range_without_a_step_names_the_range(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "sampler.name", "grid"))
    assert line.startswith(f"{LR}: ")
    assert "step" in line


def test_halving_needs_two_to_compare(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "study.cohort", 1))
    assert line.startswith("study.cohort: 1: ")
    assert "pruner=none" in line


def test_a_function_takes_no_data_and_a_network_needs_some(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "model", {"name": "quadratic"}))
    assert "data=none" in line
    (line,) = complaints(changed(composed, "data.name", "none"))
    assert "data=digits" in line


def test_checking_changes_nothing(composed: dict[str, Any]):
    before = deepcopy(composed)
    check(composed)
    assert composed == before
