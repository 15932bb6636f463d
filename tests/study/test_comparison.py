"""Promises of a comparison: trials are shared out and counted as they are worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tuner.codec import from_json, to_json
from tuner.composing import compose
from tuner.config import Config, check
from tuner.search.space import Choices, Range, Space
from tuner.search.trials import Goal, TrialResult
from tuner.study.comparison import (
    Branch,
    basin,
    branches_of,
    budgets_of,
    compare,
    epochs_to,
    profiles,
    short_of,
    value_of,
)
from tuner.study.comparison_result import Basin, Comparison, Comparisons
from tuner.study.confirmation import CHOOSING, JUDGING, Repeats

SPACE = Space(
    {"optimizer.adam.lr": 0.1},
    {
        "optimizer": Choices(("sgd", "adam")),
        "optimizer.sgd.lr": Range(1e-3, 1.0, "log"),
    },
    {"optimizer": ("sgd", "adam")},
)


def trial(
    number: int,
    value: float | None,
    optimizer: str = "sgd",
    state: Any = "COMPLETE",
    rate: float = 0.1,
    origin: Mapping[str, Any] | None = None,
) -> TrialResult:
    """A trial that began at 2."""
    return TrialResult(
        number=number,
        state=state,
        reason="",
        origin=origin or {},
        label="",
        evidence="",
        advice="",
        settings={"optimizer": optimizer, f"optimizer.{optimizer}.lr": rate},
        epochs=4,
        diverged_at=None,
        start=2.0,
        value=value,
        rungs=(),
        validation_loss=value,
        scores={},
        members=(),
    )


def numbers(trials: Sequence[TrialResult]) -> list[int]:
    return [t.number for t in trials]


def test_a_trial_is_worth_its_start_at_the_least():
    ended = [
        trial(0, 0.5), trial(1, 9.0, state="DIVERGED"), trial(2, None, state="DIVERGED"),
        trial(3, 1.9, state="DIVERGED"), trial(4, 2.5), trial(5, 1.1, state="PRUNED"),
    ]  # fmt: skip
    assert [value_of(t) for t in ended] == [0.5, 2.0, 2.0, 2.0, 2.0, 1.1]


def test_what_no_sampler_drew_is_not_counted_in_a_branch():
    trials = [
        trial(0, 0.4, origin={"default": "sgd"}),
        trial(1, 0.6, "adam", origin={"default": "adam"}),
        trial(2, 0.3, origin={"study": "old", "trial": 1}),
        trial(3, 0.5),
        trial(4, 0.7, "adam"),
        trial(5, None, "adam", state="INTERRUPTED"),
    ]
    sgd, adam = branches_of(trials, "optimizer", {"sgd": "sgd", "adam": "adam"})
    assert (numbers(sgd.drawn), numbers(adam.drawn)) == ([3], [4])
    assert (sgd.default, adam.default) == (trials[0], trials[1])


def test_a_branch_without_a_textbook_of_its_own_has_that_of_the_study():
    book = trial(0, 0.4, origin={"default": "sgd"})
    book = replace(book, settings={**book.settings, "schedule": "constant"})
    own = trial(1, 0.3)
    own = replace(own, settings={**own.settings, "schedule": "cosine"})
    schedules = {"constant": "constant", "cosine": "cosine"}
    constant, cosine = branches_of([book, own], "schedule", schedules)
    assert (constant.default, cosine.default) == (book, book)
    unfinished = replace(book, state="DIVERGED")
    assert branches_of([unfinished, own], "schedule", {"cosine": "cosine"})[0].default is None


def test_the_best_are_those_that_trained_to_the_end():
    drawn = [trial(0, 0.1, state="PRUNED"), trial(1, 0.4), trial(2, 0.2), trial(3, 0.3, rate=0.2)]
    assert numbers(Branch("sgd", drawn, None).top(2)) == [2, 3]


def test_the_budgets_go_as_far_as_the_shortest_branch():
    assert budgets_of({"sgd": [0.0] * 9, "adam": [0.0] * 5}) == (1, 2, 4)
    assert budgets_of({"sgd": [0.0] * 9, "adam": []}) == ()


def test_the_width_of_a_basin_is_the_share_of_good_rates_of_the_decades_searched():
    good = [trial(i, 0.1 + 0.001 * i, rate=r) for i, r in enumerate((0.05, 0.1, 0.4))]
    bad = [trial(i, 0.9, rate=0.002 * i) for i in range(1, 9)]
    lost = [trial(20, None, state="DIVERGED", rate=1.0)]
    told = basin(Branch("sgd", [*good, *bad, *lost], None), SPACE, 0.02)
    assert told == Basin(decades=pytest.approx(3 / 12 * 3), low=0.05, high=0.4)


def test_what_only_the_textbooks_settings_tried_is_theirs() -> None:
    book = replace(trial(0, 0.4), origin={"default": "sgd"}, settings={"batch_size": 32})
    other = replace(trial(1, 0.3), settings={"batch_size": 16})
    found = branches_of([book, other], "batch_size", {"16": 16, "32": 32})
    assert [branch.drawn for branch in found] == [[other], [book]]


def test_there_is_no_basin_without_a_range_or_a_gain():
    assert basin(Branch("adam", [trial(0, 0.1, "adam")], None), SPACE, 0.02) is None
    assert basin(Branch("sgd", [trial(0, 3.0)], None), SPACE, 0.02) is None
    assert basin(Branch("sgd", [], None), SPACE, 0.02) is None
    bare = replace(trial(0, 0.1), settings={"model": "mine"})
    assert basin(Branch("mine", [bare], None), SPACE, 0.02) is None


def test_a_target_is_reached_at_the_first_epoch_there():
    repeats = Repeats(0, {}, 0.1, [0.1, 0.2], [0.9, 0.4, 0.5, 0.15])
    assert short_of(0.1, 2.1, 0.05) == pytest.approx(0.2)
    assert short_of(0.1, math.inf, 0.05) == 0.1
    assert [epochs_to(t, repeats) for t in (0.9, 0.45, 0.2, 0.1)] == [1, 2, 4, None]


def config(*overrides: str) -> Config:
    return check(compose(["+experiment=optimizers", "data=iris", *overrides], None))


def again(trials: Sequence[TrialResult], stream: int) -> dict[int, Repeats]:
    """What three seeds say: those that judge are a little worse than those that choose."""
    more = {CHOOSING: 0.0, JUDGING: 0.1}[stream]
    reached = {}
    for t in trials:
        assert t.value is not None
        values = [t.value + more + 0.01 * seed for seed in range(3)]
        curve = [1.5, values[1], values[1]]
        reached[t.number] = Repeats(t.number, t.settings, t.value, values, curve)
    return reached


def compared(trials: Sequence[TrialResult], by: str = "optimizer", *overrides: str) -> Comparison:
    chosen = "optimizer=[sgd,adam]" if by == "optimizer" else "model=[softmax,mlp]"
    asked = config(chosen, *overrides)
    return compare(asked, by, Goal(), trials, again, lambda t: 0.5, None, 5)


BOTH = [
    trial(0, 0.9, origin={"default": "sgd"}), trial(1, 0.8, "adam", origin={"default": "adam"}),
    trial(2, 0.5), trial(3, 0.7), trial(4, 0.4, "adam"), trial(5, 0.3, "adam", "PRUNED"),
]  # fmt: skip


def test_the_best_of_each_branch_is_judged_beside_the_textbook():
    told = compared(BOTH)
    sgd, adam = told.branches["sgd"], told.branches["adam"]
    assert (sgd.trials, sgd.pruned, adam.trials, adam.pruned) == (2, 0, 2, 1)
    assert sgd.tuned is not None
    assert adam.tuned is not None
    assert adam.default is not None
    assert (sgd.tuned.trial, adam.tuned.trial, adam.default.trial) == (2, 4, 1)
    assert adam.tuned.mean is not None
    assert adam.tuned.mean.mean == pytest.approx(0.51)
    assert adam.default.worse is not None
    assert adam.default.worse.mean == pytest.approx(0.4)
    assert (sgd.alike, adam.alike) == (False, True)
    assert told.target == pytest.approx(0.51 + config().compare.within * 1.49)
    assert (sgd.to_target, adam.to_target) == (None, 2)
    assert told.seconds == {"sgd": 0.5, "adam": 0.5}


def test_a_branch_without_a_trial_to_its_end_has_no_best():
    told = compared([*BOTH[:4], trial(4, None, "adam", "DIVERGED")])
    adam = told.branches["adam"]
    assert (adam.tuned, adam.alike, adam.to_target) == (None, False, None)
    assert adam.default is not None
    assert adam.default.worse is None
    assert told.seconds.keys() == {"sgd"}


def test_models_are_compared_without_an_optimizer():
    values = {"softmax": (0.5, 0.6), "mlp": (0.4, 0.3)}
    trials = [
        replace(trial(2 * i + j, value), settings={"model": name, "depth": j})
        for i, (name, own) in enumerate(values.items())
        for j, value in enumerate(own)
    ]
    told = compared(trials, "model")
    best = {name: branch.tuned for name, branch in told.branches.items()}
    assert {name: own and own.trial for name, own in best.items()} == {"softmax": 0, "mlp": 3}
    assert {own and own.optimizer for own in best.values()} == {None}
    assert told.winners == ("mlp", "mlp")


def test_what_is_found_comes_back_from_its_file():
    told = compared(BOTH)
    both = {"iris": told, "wine": told}
    several = Comparisons("optimizer", both, profiles(both))
    assert from_json(Comparisons, to_json(several)) == several


def test_a_profile_counts_the_data_sets_that_a_branch_is_fastest_on():
    told = compared(BOTH)
    late = replace(told.branches["sgd"], to_target=4)
    other = replace(told, branches={**told.branches, "sgd": late})
    found = profiles({"iris": told, "wine": other})
    assert found.data == ("iris", "wine")
    assert found.shares == {"sgd": (0.0, 0.5, 0.5), "adam": (1.0, 1.0, 1.0)}
    assert found.ratios == {"sgd": (None, 2.0), "adam": (1.0, 1.0)}
