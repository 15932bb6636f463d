"""Promises of the schema: every mistake is named in one line, before anything starts."""

import math
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from tuner.composing import compose, config_folder
from tuner.config import check
from tuner.errors import UserError
from tuner.search.space import Choices, Range
from tuner.training import activations, functions, losses, optimizers, schedules
from tuner.training.domains import Hyperparameter
from tuner.training.families import FAMILIES

CONF = config_folder()


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
    # more than can be counted
    (LR, {"low": 0.1, "high": 1, "step": 1e-300}, [f"{LR}.step: 1e-300", "give a larger step"]),
    ("sampler.startup", 10**20, ["must be at most 10000"]),
    ("range.ramp_steps", 10**14, ["must be at most 100000"]),
    # keys that there are not
    ("thread", 2, ["did you mean threads?"]),
    ("study.sead", 1, ["did you mean seed?"]),
    ("budget.trails", 1, ["did you mean trials?"]),
    ("data.fraction", 0.1, ["no such key"]),
    ("data.path", "x.csv", ["no such key", "the reader bundled has name"]),
    ("optimizer.adam.beta_1", 0.9, ["did you mean beta1?"]),
    ("optimizer.adam.learning_rate", 0.9, ["lr", "beta1"]),
    ("optimizer.adma", {}, ["did you mean", "adam"]),
    ("schedule.cosin", {}, ["did you mean cosine"]),
    ("model.mlp.activaton", "relu", ["did you mean activation?"]),
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
    ("model.mlp.hidden", [0], ["0", "at least 1"]),
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
    ("sampler", None, ["None", "must be a mapping"]),
    ("sampler", {}, ["missing"]),
    ("sampler.start", 3, ["did you mean startup?"]),
    ("sampler", {"name": "grid", "startup": 3}, ["no such key", "sampler=grid has name"]),
    ("pruner.kind", "MedianPruner", ["no such key", "pruner=halving has name, keep, first_rung"]),
    ("pruner", {"name": "optuna", "arguments": 3}, ["3", "dict"]),
    ("pruner", {"name": "optuna", "study": "x"}, ["no such key"]),
    # ranges
    (LR, {"low": 0.1, "high": 0.01}, ["low (0.1) must be below high (0.01)"]),
    (LR, {"low": 0.1, "high": 0.1}, ["must be below", "give the number alone"]),
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
    ("model.mlp.activation", {"choices": ["relu", "relux"]}, ["choices", "relux", "tanh"]),
    ("model.mlp.activation", {"low": 1, "high": 2}, ["one of", "relu"]),
    ("model.mlp.hidden", {"choices": [[8, 0]]}, ["choices", "0", "at least 1"]),
    # conditions
    ("where", ["momentum < 1 - lr"], ["momentum", "unknown setting"]),
    ("where", ["lr <"], ["lr <", "cannot be read"]),
    ("where", ["lr"], ["must be a comparison"]),
    ("where", [3], ["'3'", "must be text"]),
    ("where", {"lr": 1}, ["must be text"]),
    ("where", "lr > 1", ["lr > 1", "holds for none of"]),
    # what is tried first
    ("study.warm_start", "study", ["study", "another study"]),
    ("study.warm_start", "a/b", ["'a/b'"]),
    ("study.defaults", "yes", ["'yes'"]),
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
    ("model.mlp.hidden", [math.nan], ["nan"]),
    ("budget.seconds", math.nan, ["nan"]),
    ("budget.seconds", math.inf, ["inf"]),
    ("range.epochs", 0, ["0", "at least 1"]),
    ("range.widen", 0.5, ["0.5", "at least 1"]),
    ("range.widen", 1e300, ["1e+300", "at most 1000000"]),
    ("range.per_decade", 0, ["0", "at least 1"]),
    ("range.per_decade", 10**9, ["1000000000", "at most 100"]),
    ("range.ramp_steps", 5, ["5", "at least 20"]),
    ("range.seed", 3, ["did you mean seeds?"]),
    ("budget.epochs", math.inf, ["inf"]),
    ("pruner.keep", math.nan, ["nan"]),
    # things of another kind
    (LR, "fast", ["'fast'", "number"]),
    (LR, True, ["True", "number"]),
    (LR, [0.1], ["[0.1]", "number"]),
    ("batch_size", 3.5, ["3.5", "whole number"]),
    ("batch_size", None, ["None", "whole number"]),
    ("model.mlp.hidden", [8.5], ["8.5", "whole number"]),
    ("model.mlp.hidden", "wide", ["'wide'", "whole number"]),
    ("model.mlp.activation", "relux", ["'relux'", "relu", "tanh", "logistic"]),
    ("model.mlp.activation", 3, ["3", "relu"]),
    ("model.mlp.dropout", 1.0, ["1.0", "below 1"]),
    ("model.mlp.l1", -1.0, ["-1.0", "at least 0"]),
    ("model.mlp.layer_norm", "yes", ["'yes'", "False, True"]),
    ("model.mlp.initialization", "zeros", ["'zeros'", "glorot", "he"]),
    ("loss.hubert", {}, ["did you mean huber?"]),
    ("loss.auto.delta", 1, ["no settings"]),
    ("loss", {"huber": {"delta": 0.0}}, ["loss.huber.delta", "0.0", "above 0"]),
    ("model.forest", {}, ["softmax", "mlp"]),
    ("model", "mlp", ["one or more"]),
    ("model.hidden", [8], ["did you mean model.mlp.hidden?"]),
    ("optimizer.lr", 0.1, ["did you mean optimizer.adam.lr?"]),
    ("model", None, ["None", "one or more"]),
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
    ("data.scale", "robustt", ["'robustt'", "standard", "minmax"]),
    ("data.reader", "excel", ["'excel'", "table", "libsvm"]),
    ("data.task", "ranking", ["'ranking'", "binary", "regression"]),
    ("data.class_weight", "even", ["'even'", "balanced"]),
    ("data.folds", 1, ["1", "at least 2"]),
    ("data.folds", 2.5, ["2.5", "whole number"]),
    ("data.name", 3, ["3", "text"]),
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
    "path", ["optimizer.adam", "optimizer", "schedule.cosine", "model.mlp", "model", "study"]
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


@pytest.mark.parametrize("name", optimizers.names())
def test_textbook_stands_for_a_hyperparameters_default(name: str, composed: dict[str, Any]):
    optimizer = optimizers.load(name)
    own = optimizer.hyperparameters
    words = check(changed(composed, "optimizer", {name: dict.fromkeys(own, "textbook")})).space
    assert words == check(changed(composed, "optimizer", {name: None})).space
    low, high = allowed(own["lr"])
    chosen = {name: {"lr": {"choices": [low, "textbook", high]}}}
    searched = check(changed(composed, "optimizer", chosen)).space.searched
    assert searched[f"optimizer.{name}.lr"] == Choices((low, own["lr"].default, high))


def test_a_model_has_no_textbook(composed: dict[str, Any]):
    plain = changed(composed, "model", {"mlp": {"hidden": [8], "l2": "textbook"}})
    assert complaints(plain) == ["model.mlp.l2: 'textbook': must be a number"]


def allowed(hyperparameter: Hyperparameter) -> tuple[float, float]:
    """Two numbers of its domain, in order."""
    pairs = [(0.25, 0.5), (1.25, 1.5)]
    return next(p for p in pairs if all(number in hyperparameter.domain for number in p))


@pytest.mark.parametrize("name", [n for n in optimizers.names() if optimizers.load(n).averages])
def test_validation_sees_one_average_at_the_most(name: str, composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "optimizer", {name: {"ema": 0.9}}))
    assert line == f"optimizer.{name}.ema: {name} already averages its weights: give 0"
    both = {"sgd": {"ema": 0.9, "tail_average": 0.5}}
    (line,) = complaints(changed(composed, "optimizer", both))
    assert line.startswith("optimizer.sgd.tail_average: cannot be combined with optimizer.sgd.ema")


@pytest.mark.parametrize("name", [n for n in optimizers.names() if optimizers.load(n).averages])
@pytest.mark.parametrize("l1", [0.1, {"low": 1e-4, "high": 1.0, "scale": "log"}])
def test_a_penalty_for_zeros_is_refused_where_an_average_has_none(
    name: str, l1: Any, composed: dict[str, Any]
):
    averaged = changed(composed, "optimizer", {"sgd": None, name: None})
    (line,) = complaints(changed(averaged, "model", {"softmax": {"l1": l1}}))
    assert (
        line == f"model.softmax.l1: {name} averages its weights, so l1 makes none exactly 0: "
        "give 0, or use sgd"
    )
    check(changed(averaged, "model", {"softmax": {"l1": 0.0}}))
    check(changed(composed, "model", {"softmax": {"l1": l1}}))


@pytest.mark.parametrize("name", schedules.names())
def test_every_hyperparameter_of_a_schedule_may_be_searched(name: str, composed: dict[str, Any]):
    for key, hyperparameter in schedules.schedule_hyperparameters(name).items():
        options = allowed(hyperparameter)
        plain = changed(composed, "schedule", {name: {key: {"choices": list(options)}}})
        assert check(plain).space.searched[f"schedule.{name}.{key}"] == Choices(options)


def test_optimizers_schedules_and_models_are_branches_at_once():
    space = check(compose(["model=[softmax,mlp]", "optimizer=[adam,sgd]"], None)).space
    assert space.branches["model"] == ("softmax", "mlp")
    assert space.searched["model"] == Choices(("softmax", "mlp"))
    assert {"model", "optimizer"} <= space.searched.keys()
    assert space.fixed["model.mlp.hidden.0"] == 64
    assert "model.mlp.hidden.0" not in space.shares(np.zeros(len(space.searched)))


def test_several_optimizers_are_a_branch(composed: dict[str, Any]):
    plain = changed(composed, "optimizer", {"adam": {"lr": 0.1}, "sgd": {"lr": 0.2}})
    space = check(plain).space
    assert space.searched["optimizer"] == Choices(("adam", "sgd"))
    assert space.branches["optimizer"] == ("adam", "sgd")
    assert "optimizer" not in space.fixed


def test_hidden_layers_may_be_widths_ranges_or_choices_of_lists(composed: dict[str, Any]):
    def space(hidden: Any) -> Any:
        return check(changed(composed, "model.mlp.hidden", hidden)).space

    assert space([64, 32]).fixed["model.mlp.hidden.1"] == 32
    ranged = space([{"low": 8, "high": 64, "scale": "log"}])
    assert ranged.searched["model.mlp.hidden.0"] == Range(8, 64, "log", integer=True)
    chosen = space({"choices": [[64], [64, 32]]})
    assert chosen.searched["model.mlp.hidden"] == Choices(([64], [64, 32]))


def test_a_grid_over_a_range_without_a_step_names_the_range(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "sampler", {"name": "grid"}))
    assert line.startswith(f"{LR}: ")
    assert "step" in line


def test_a_grid_does_not_warm_start(composed: dict[str, Any]):
    fixed = changed(composed, "optimizer", {"adam": {"lr": 0.1}})
    grid = changed(fixed, "sampler", {"name": "grid"})
    (line,) = complaints(changed(grid, "study.warm_start", "other"))
    assert line.startswith("study.warm_start: other: a grid")


def test_conditions_may_be_one_or_several(composed: dict[str, Any]):
    for given in ("lr < 0.01", ["lr < 0.01"], ["lr < 0.01", "beta1 < 1 - lr"], [], None):
        space = check(changed(composed, "where", given)).space
        texts = [given] if isinstance(given, str) else given or []
        assert [c.text for c in space.conditions] == texts


def test_halving_needs_two_to_compare(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "study.cohort", 1))
    assert line.startswith("study.cohort: 1: ")
    assert "pruner=none" in line


def test_a_function_takes_no_data_and_a_network_needs_some(composed: dict[str, Any]):
    (line,) = complaints(changed(composed, "model", {"quadratic": {"start": 10}}))
    assert "data=none" in line
    (line,) = complaints(changed(composed, "data.name", "none"))
    assert "data=digits" in line


@pytest.mark.parametrize("name", functions.names())
def test_a_function_chooses_to_have_no_data(name: str):
    plain = compose([f"model={name}"], None)
    assert plain["data"]["name"] == "none"
    space = check(plain).space
    known = functions.create(name, {})
    given = {p.removeprefix(f"model.{name}."): v for p, v in space.fixed.items()}
    assert functions.create(name, given) == known


def test_the_start_of_a_function_is_a_number_a_list_or_ranges():
    def space(*overrides: str) -> Any:
        return check(compose(["model=beale", *overrides], None)).space

    assert space("model.beale.start=2").fixed["model.beale.start"] == 2
    assert space("model.beale.start=[2,0.5]").fixed["model.beale.start.1"] == 0.5
    ranged = space("model.beale.start=[{low: 0, high: 1}, 0.5]")
    assert ranged.searched["model.beale.start.0"] == Range(0, 1)
    chosen = space("model.beale.start={choices: [[0, 0], [1, 1]]}")
    assert chosen.searched["model.beale.start"] == Choices(([0, 0], [1, 1]))


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["model=beale", "model.beale.start=[1,2,3]"], "model.beale.start: 3 numbers: "),
        (["model=beale", "model.beale.start=[]"], "model.beale.start: []: "),
        (["model=beale", "model.beale.start=1e9"], "model.beale.start: "),
        (["model=quadratic", "model.quadratic.dimension=0"], "model.quadratic.dimension: 0: "),
        (["model=quadratic", "model.quadratic.dimension=1.5"], "model.quadratic.dimension: 1.5: "),
        (
            ["model=quadratic", "model.quadratic.dimension={choices: [[2]]}"],
            "model.quadratic.dimension.choices: ",
        ),
        (
            ["model=quadratic", "model.quadratic.condition_number=5"],
            "model.quadratic.condition_number: 5: ",
        ),
        (
            ["model=quadratic", "model.quadratic.condition_number={low: 1, high: 9}"],
            "model.quadratic.condition_number: 9: ",
        ),
        (
            [
                "model=quadratic",
                "model.quadratic.start=[1,2]",
                "model.quadratic.dimension={low: 2, high: 3}",
            ],
            "model.quadratic.start: 2 numbers: ",
        ),
    ],
)
def test_settings_of_a_function_go_together(overrides: list[str], key: str):
    (line,) = complaints(compose(overrides, None))
    assert line.startswith(key)


def test_a_linear_model_keeps_its_own_loss():
    with pytest.raises(UserError, match=r"^loss: hinge: model=softmax has its own: .*mlp"):
        check(compose(["model=softmax", "loss=hinge"], None))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (["loss=huber", "loss.huber.delta={low: 0.1, high: 2}"], "loss.huber.delta"),
        (["loss=[huber,quantile]"], "loss"),
        (["model=linear_svm", "model.linear_svm.loss={choices: [hinge, squared_hinge]}"],
         "model.linear_svm.loss"),
    ],
)  # fmt: skip
def test_losses_that_do_not_compare_are_searched_by_a_metric_alone(settings: list[str], path: str):
    with pytest.raises(UserError, match=rf"^{path}: is searched, but different losses"):
        check(compose(settings, None))
    assert path in check(compose([*settings, "metric=mae"], None)).space.searched


def test_every_activation_and_every_loss_can_be_chosen():
    shape = FAMILIES["mlp"].shape
    assert set(shape["activation"]) == set(activations.names())
    assert {f.name for f in (CONF / "loss").glob("*.yaml")} == {
        f"{name}.yaml" for name in ("auto", *losses.names())
    }
    for name in losses.names():
        numbers = compose([f"loss={name}"], None)["loss"][name] or {}
        assert numbers == {key: h.default for key, h in losses.load(name).own.items()}


def test_checking_changes_nothing(composed: dict[str, Any]):
    before = deepcopy(composed)
    check(composed)
    assert composed == before


TABLE = {"name": "mine", "reader": "table", "path": "x.csv", "target": "y"}


@pytest.mark.parametrize("target", ["y", ["y", "größe"]])
def test_the_settings_of_a_reader_are_checked_by_what_it_takes(
    target: Any, composed: dict[str, Any]
):
    plain = changed(composed, "data", {**TABLE, "target": target, "features": None})
    asked = check(plain).data.model_dump(exclude_none=True)
    assert asked["target"] == target
    assert "features" not in asked


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"path": None}, "data.path: is missing"),
        ({"target": 3}, "data.target: 3: must be text or a list of texts"),
        ({"target": ["y", 3]}, "data.target: 3: must be text or a list of texts"),
        ({"group": ["a"]}, "data.group: ['a']: must be text"),
        ({"folder": "x"}, "data.folder: there is no such key: did you mean folds? the reader"),
        ({"traget": "y"}, "data.traget: there is no such key: did you mean target"),
        ({"traget": None}, "data.traget: there is no such key: did you mean target"),
    ],
)
def test_a_mistake_in_the_settings_of_a_reader_is_one_line(
    settings: dict[str, Any], line: str, composed: dict[str, Any]
):
    (found,) = complaints(changed(composed, "data", {**TABLE, **settings}))
    assert found.startswith(line)
