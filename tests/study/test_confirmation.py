"""Promises of confirmation: fresh seeds are fresh, noise decides nothing, the simplest wins."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.search.trials import Outcome, Trial
from tuner.study.confirmation import (
    CHOOSING,
    JUDGING,
    Repeats,
    _kept,
    by_mean,
    complexity,
    equals,
    fresh,
    needed,
    over_best,
    simplest,
)
from tuner.training import optimizers

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, 10)


def settings(optimizer: str = "adam", schedule: str = "cosine") -> dict[str, Any]:
    return {"optimizer": optimizer, "schedule": schedule}


def repeats(trial: int, values: Any, curve: Any = (), optimizer: str = "adam") -> Repeats:
    own = [None if v is None else float(v) for v in values]
    curve = curve or [1.0, sum(v for v in own if v is not None) / len(own)]
    return Repeats(trial, settings(optimizer), own[0], own, curve)


def test_seeds_that_choose_seeds_that_judge_and_the_studys_are_different():
    for seed in range(50):
        chosen, judging = fresh(seed, CHOOSING, 40), fresh(seed, JUDGING, 40)
        assert len({*chosen, *judging, seed}) == 81


def test_more_seeds_are_the_same_and_others():
    assert fresh(7, CHOOSING, 20)[:5] == fresh(7, CHOOSING, 5)


def test_trials_are_ranked_by_their_mean_and_the_diverged_come_last():
    order = by_mean([repeats(0, [None, 0.0]), repeats(1, [3, 3]), repeats(2, [1, 4])])
    assert [r.trial for r in order] == [2, 1, 0]
    assert (order[-1].mean, order[-1].lost) == (math.inf, 1)


def test_differences_are_taken_seed_by_seed():
    """Two trials that share nearly all of their noise are told apart by far less than it."""
    apart = 0.02 + RNG.normal(0, 0.001, 10)
    best, other = repeats(0, NOISE), repeats(1, NOISE + apart)
    assert equals(by_mean([other, best])) == [best]
    shuffled = repeats(1, RNG.permutation(NOISE) + apart)
    assert equals([best, shuffled]) == [best, shuffled]


SPREADS = {"as wide": (1.0, 1.0), "one wide": (6.0, 1.0), "one narrow": (1.0, 6.0)}


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
@pytest.mark.parametrize("spread", SPREADS)
def test_of_equal_settings_hardly_one_is_called_worse_than_the_one_that_came_out_best(
    spread: str, count: int, seeds: int
):
    rng = np.random.default_rng([7, count, seeds])
    first, others = SPREADS[spread]
    wide = np.array([first, *[others] * (count - 1)])[:, None]
    noise = rng.normal(size=(2000, count, seeds)) * wide
    shared = rng.normal(size=(2000, 1, seeds))
    orders = (
        by_mean([repeats(i, own) for i, own in enumerate(study)])
        for study in (noise + shared).tolist()
    )
    # Three deviations of a share of 5 % of so many studies above it.
    assert np.mean([len(equals(order)) < count for order in orders]) <= 0.065


def test_what_is_said_to_be_worse_has_an_interval_that_says_so():
    rng = np.random.default_rng(4)
    for _ in range(300):
        order = by_mean([repeats(i, i * 0.7 + rng.normal(size=4)) for i in range(4)])
        alike, worse = {r.trial for r in equals(order)}, over_best(order)
        assert worse.keys() == {r.trial for r in order[1:]}
        assert all((n in alike) == d.holds_zero for n, d in worse.items() if d)
        assert all(d.low > 0 for n, d in worse.items() if d and n not in alike)


def test_what_diverged_is_not_among_those_that_are_compared():
    order = by_mean([repeats(0, NOISE), repeats(1, NOISE[::-1] + 0.3), repeats(2, [None] * 10)])
    two = by_mean([repeats(0, NOISE), repeats(1, NOISE[::-1] + 0.3)])
    assert over_best(order) == {**over_best(two), 2: None}
    assert [r.trial for r in equals(order)] == [r.trial for r in equals(two)]


def test_of_equals_the_one_that_needs_fewest_epochs_wins():
    slow = repeats(0, NOISE, [*np.linspace(1, 0.5, 19), float(NOISE.mean())])
    fast = repeats(1, NOISE[::-1] + 0.001, [1.0, 0.5, *[float(NOISE.mean())] * 18], "adamw")
    chosen, why = simplest(by_mean([slow, fast]))
    assert chosen.trial == 1
    assert why == "it gets there in 3 epochs, the other needs 20"


def test_of_equals_that_need_as_many_epochs_the_usual_optimizer_wins():
    adam, sgd = repeats(0, NOISE), repeats(1, NOISE[::-1] + 0.001, optimizer="sgd")
    chosen, why = simplest(by_mean([adam, sgd]))
    assert (chosen.trial, why) == (1, "sgd is simpler than adam")


def test_a_better_trial_wins_however_simple_the_others_are():
    adam, sgd = repeats(0, NOISE), repeats(1, NOISE + 0.5, optimizer="sgd")
    assert simplest(by_mean([sgd, adam])) == (adam, "")


def test_of_equals_that_are_as_simple_the_better_mean_wins():
    one, two = repeats(0, NOISE), repeats(1, NOISE[::-1] + 0.001)
    assert simplest(by_mean([two, one])) == (one, "")


def network(trial: int, values: Any, model: str, **own: Any) -> Repeats:
    found = repeats(trial, values)
    layers = {f"model.{model}.{path}": value for path, value in own.items()}
    return replace(found, settings={**found.settings, "model": model, **layers})


@pytest.mark.parametrize(
    "linear",
    [network(1, NOISE[::-1] + 0.05, "mlp", hidden=[]), network(1, NOISE[::-1] + 0.05, "softmax")],
)
def test_a_linear_model_that_is_as_good_as_the_best_network_wins(linear: Repeats) -> None:
    deep = network(0, NOISE, "mlp", hidden=[32])
    assert simplest(by_mean([deep, linear])) == (linear, "its model is linear, the other's is not")
    assert simplest(by_mean([linear, network(2, NOISE + 0.5, "mlp", hidden=[8])])) == (linear, "")
    better = network(3, NOISE[::-1] + 0.01, "mlp", hidden=[], l2=0.1)
    assert simplest(by_mean([deep, linear, better]))[0] == better


def test_with_few_seeds_a_simple_trial_far_off_is_not_as_good_though_noise_hides_it() -> None:
    best = network(0, [0.20, 0.21, 0.19], "mlp", **{"hidden.0": 64})
    poor = network(1, [0.21, 0.40, 0.23], "mlp", hidden=[])
    order = by_mean([best, poor])
    assert len(equals(order)) == 2
    assert simplest(order) == (best, "")


def test_where_all_diverge_there_still_is_an_order():
    order = by_mean([repeats(0, [None, None]), repeats(1, [None, 1.0])])
    chosen, why = simplest(order)
    assert (chosen.trial, why) == (1, "")
    assert chosen.fields()["mean"] is None


def test_what_is_needed_is_the_first_epoch_at_the_level():
    own = repeats(0, [0.1, 0.1], [0.5, 0.3, 0.4, 0.2])
    assert [needed(own, level) for level in (0.6, 0.3, 0.2, 0.1)] == [1, 2, 4, 4]


@pytest.mark.parametrize("order", [("sgd", "momentum", "adam"), ("sgd", "sgdw", "ademamix")])
def test_the_usual_optimizers_are_those_with_little_to_them(order: tuple[str, ...]):
    sizes = [complexity(settings(name)) for name in order]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("name", optimizers.names())
def test_there_is_nothing_less_than_gradient_descent(name: str):
    assert complexity(settings("sgd")) <= complexity(settings(name))


def test_a_run_that_ended_by_itself_keeps_its_last_number_in_the_mean_curve() -> None:
    def ended(*losses: float) -> Outcome:
        curves = {"validation_loss": [*losses]}
        args: tuple[Any, ...] = (Trial(0, {}, 0), "COMPLETE", "", len(losses), {}, curves)
        return Outcome(*args, {}, None, "", "", "")

    assert _kept([ended(4.0, 2.0), ended(6.0, 4.0, 3.0, 1.0)]) == {
        "values": [2.0, 1.0],
        "curve": [5.0, 3.0, 2.5, 1.5],
    }
