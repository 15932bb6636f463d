"""Promises of search spaces: settings lie where they may, and Optuna sees the same numbers."""

import math
import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution

from tuner.search.space import Choices, Range, Space

quick = settings(deadline=None, derandomize=True, max_examples=80)
shares = st.floats(0, 1, exclude_max=True)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    kind = draw(st.sampled_from(["linear", "stepped", "log", "reverse", "whole", "whole steps"]))
    if kind in ("whole", "whole steps"):
        low = draw(st.integers(1, 1000))
        high = draw(st.integers(low + 1, low + 5000))
        if kind == "whole steps":
            return Range(low, high, step=draw(st.integers(1, high - low)), integer=True)
        return Range(low, high, draw(st.sampled_from(["linear", "log"])), integer=True)
    if kind == "reverse":
        low, high = sorted(1 - draw(st.floats(1e-6, 1)) for _ in range(2))
        assume(low < high)
        return Range(low, high, "reverse_log")
    positive = st.floats(1e-8, 1e4)
    low, high = sorted((draw(positive), draw(positive)))
    assume(low < high)
    if kind == "stepped":  # in decimals, as people write them
        low, high = round(low, 4), round(high, 4)
        step = round(draw(st.floats(1e-3, 1)) * (high - low), 4)
        assume(0 < step <= high - low)
        return Range(low, high, step=step)
    return Range(low, high, "log" if kind == "log" else "linear")


@quick
@given(setting=ranges(), u=shares)
def test_every_share_of_a_range_lies_within_its_bounds(setting: Range, u: float):
    value = setting.at(u)
    assert setting.low <= value <= setting.high
    assert isinstance(value, int) == setting.integer


@quick
@given(setting=ranges(), u=shares)
def test_a_step_puts_every_value_on_the_grid(setting: Range, u: float):
    assume(setting.step is not None)
    steps = (setting.at(u) - setting.low) / setting.step
    assert steps == pytest.approx(round(steps), abs=1e-6)


@quick
@given(setting=ranges(), u=shares)
def test_optuna_accepts_every_value(setting: Range, u: float):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distribution = setting.distribution()
    assert distribution._contains(distribution.to_internal_repr(setting.encode(setting.at(u))))


@quick
@given(setting=ranges(), u=shares)
def test_what_optuna_keeps_becomes_the_same_setting_again(setting: Range, u: float):
    value = setting.at(u)
    again = setting.decode(setting.encode(value))
    assert again == pytest.approx(value, rel=1e-15, abs=1e-15)
    assert type(again) is type(value)
    # From then on nothing moves: what a study keeps is what trains.
    assert setting.decode(setting.encode(again)) == again


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0.1, 0.3, 0.1), (0.0, 1.0, 0.1), (0.1, 0.7, 0.2)]
)
def test_the_last_value_of_a_grid_is_not_beyond_its_end(low: float, high: float, step: float):
    assert Range(low, high, step=step).at(math.nextafter(1, 0)) <= high


@pytest.mark.parametrize(
    ("high", "step", "last"), [(1.0, 0.3, 0.9), (1.0, 0.25, 1.0), (0.5, 0.2, 0.4)]
)
def test_a_step_that_does_not_divide_the_range_ends_at_the_last_whole_step(
    high: float, step: float, last: float
):
    grid = Range(0.0, high, step=step)
    values = [grid.item(i) for i in range(grid.count)]
    assert values[-1] == pytest.approx(last)
    assert grid.distribution().high == pytest.approx(last)


def test_a_log_range_is_uniform_in_the_logarithm():
    values = [Range(1e-4, 1.0, "log").at(u) for u in np.linspace(0, 0.999, 400)]
    assert np.histogram(np.log10(values), bins=4, range=(-4, 0))[0].tolist() == [100] * 4


def test_a_reversed_range_is_uniform_in_the_logarithm_of_the_distance_from_one():
    beta = Range(0.9, 0.9999, "reverse_log")
    values = np.array([beta.at(u) for u in np.linspace(0, 0.999, 300)])
    assert np.histogram(np.log10(1 - values), bins=3, range=(-4, -1))[0].tolist() == [100] * 3
    assert beta.at(0.5) == pytest.approx(1 - 10**-2.5)


def test_whole_numbers_are_drawn_alike_often():
    values = [Range(2, 5, integer=True).at(u) for u in np.linspace(0, 1, 400, endpoint=False)]
    assert {v: values.count(v) for v in set(values)} == {2: 100, 3: 100, 4: 100, 5: 100}


def test_choices_may_be_lists_words_or_numbers():
    choices = Choices(([128, 64], "relu", 16, 0.5))
    for index, option in enumerate(choices.options):
        assert choices.at((index + 0.5) / 4) == option
        assert choices.decode(choices.encode(option)) == option
        assert isinstance(choices.distribution(), CategoricalDistribution)
        assert choices.encode(option) in choices.distribution().choices


BRANCHED = Space(
    fixed={"model": "mlp", "optimizer.adam.eps": 1e-8, "optimizer.sgd.weight_decay": 0.0},
    searched={
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": Choices((0.1, 0.2)),
        "optimizer.adam.beta1": Range(0.8, 0.9, step=0.05),
        "optimizer.sgd.lr": Choices((1.0, 2.0, 3.0)),
        "batch_size": Choices((16, 32)),
    },
    branches={"optimizer": ("adam", "sgd")},
)
ADAM = {"model", "optimizer", "optimizer.adam.lr", "optimizer.adam.beta1", "optimizer.adam.eps"}
SGD = {"model", "optimizer", "optimizer.sgd.lr", "optimizer.sgd.weight_decay"}


@quick
@given(numbers=st.lists(shares, min_size=5, max_size=5))
def test_only_the_paths_of_the_branch_taken_count(numbers: list[float]):
    chosen = BRANCHED.shares(np.array(numbers))
    own = {"adam": ADAM, "sgd": SGD}[chosen["optimizer"]]
    assert set(chosen) == own | {"batch_size"}
    assert chosen["optimizer"] == ("adam" if numbers[0] < 0.5 else "sgd")


@quick
@given(numbers=st.lists(shares, min_size=5, max_size=5))
def test_a_trial_as_optuna_keeps_it_has_the_settings_it_was_made_of(numbers: list[float]):
    chosen = BRANCHED.shares(np.array(numbers))
    assert BRANCHED.settings_of(BRANCHED.trial(chosen)) == chosen


def grid(space: Space) -> list[dict[str, Any]]:
    """Every combination that is allowed."""
    return [own for part in space.parts() for _, own in space.allowed(part)]


def frozen(settings: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(settings.items()))


def test_a_grid_holds_every_combination_of_every_branch_once():
    expected = [
        {"model": "mlp", "optimizer": "adam", "optimizer.adam.lr": lr, "optimizer.adam.beta1": beta,
         "optimizer.adam.eps": 1e-8, "batch_size": size}
        for lr, beta, size in product((0.1, 0.2), (0.8, 0.85, 0.9), (16, 32))
    ] + [
        {"model": "mlp", "optimizer": "sgd", "optimizer.sgd.lr": lr,
         "optimizer.sgd.weight_decay": 0.0, "batch_size": size}
        for lr, size in product((1.0, 2.0, 3.0), (16, 32))
    ]  # fmt: skip
    found = [
        {k: round(v, 12) if isinstance(v, float) else v for k, v in c.items()}
        for c in grid(BRANCHED)
    ]
    assert sorted(map(frozen, found)) == sorted(map(frozen, expected))


def test_a_space_with_nothing_searched_has_one_combination():
    space = Space({"optimizer": "sgd", "optimizer.sgd.lr": 0.1}, {}, {"optimizer": ("sgd",)})
    assert grid(space) == [{"optimizer": "sgd", "optimizer.sgd.lr": 0.1}]
    assert space.shares(np.empty(0)) == grid(space)[0]


@pytest.mark.parametrize(
    ("setting", "countless"),
    [
        (Range(0.1, 1.0), True),
        (Range(0.1, 1.0, "log"), True),
        (Range(0.9, 0.99, "reverse_log"), True),
        (Range(1, 100, "log", integer=True), True),
        (Range(0.1, 1.0, step=0.1), False),
        (Range(1, 9, integer=True), False),
        (Choices((1, 2)), False),
    ],
)
def test_a_space_names_a_setting_that_has_no_countable_values(setting: Any, countless: bool):
    space = Space({}, {"a": Choices((1,)), "b": setting}, {})
    assert space.without_end() == ("b" if countless else None)


@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_misfits_the_first_in_the_order_of_the_space_is_named(turn: int):
    paths = [f"setting{n}" for n in range(12)][::turn]
    space = Space({}, dict.fromkeys(paths, Range(0.0, 1.0)), {})
    assert space.misfit(dict.fromkeys(paths, 2.0)) == f"{paths[0]} is 2.0, here 0 to 1"


def test_steps_are_counted_exactly_however_many_they_are():
    assert Range(0.0, 1.0, step=1e-300).count == 10**300 + 1
    assert Range(0.1, 0.7, step=0.2).count == 4
    assert Range(1, 10**30, "log", integer=True).size == 10**30


@pytest.mark.parametrize("u", [0.0, 0.5, 0.999])
def test_a_log_range_of_all_numbers_there_are_has_its_middle_in_the_middle(u: float):
    value = Range(1e-308, 1e308, "log").at(u)
    assert np.log10(value) == pytest.approx(-308 + 616 * u, abs=1e-9)
