"""Promises of a comparison: trials are shared out and counted as they are worth."""

from typing import Any

import pytest

from tuner.search.compare import (
    Branch,
    basin,
    branches,
    by_budget,
    epochs_to,
    short_of,
    value_of,
)
from tuner.search.confirm import Repeats
from tuner.search.space import Choices, Range, Space

SPACE = Space(
    {"optimizer.adam.lr": 0.1},
    {
        "optimizer": Choices(("sgd", "adam")),
        "optimizer.sgd.lr": Range(1e-3, 1.0, "log"),
    },
    {"optimizer": ("sgd", "adam")},
)


def summary(
    number: int,
    value: float | None,
    optimizer: str = "sgd",
    state: str = "COMPLETE",
    rate: float = 0.1,
    origin: Any = None,
) -> dict[str, Any]:
    settings = {"optimizer": optimizer, f"optimizer.{optimizer}.lr": rate}
    return {
        "number": number, "value": value, "state": state, "settings": settings, "start": 2.0,
        "origin": origin or {},
    }  # fmt: skip


def test_a_trial_is_worth_its_start_at_the_least():
    ended = [
        summary(0, 0.5), summary(1, 9.0, state="DIVERGED"), summary(2, None, state="DIVERGED"),
        summary(3, 1.9, state="DIVERGED"), summary(4, 2.5), summary(5, 1.1, state="PRUNED"),
    ]  # fmt: skip
    assert [value_of(s) for s in ended] == [0.5, 2.0, 2.0, 2.0, 2.0, 1.1]


def test_what_no_sampler_drew_is_not_counted_in_a_branch():
    trials = [
        summary(0, 0.4, origin={"default": "sgd"}),
        summary(1, 0.6, "adam", origin={"default": "adam"}),
        summary(2, 0.3, origin={"study": "old", "trial": 1}),
        summary(3, 0.5),
        summary(4, 0.7, "adam"),
        summary(5, None, "adam", state="INTERRUPTED"),
    ]
    sgd, adam = branches(trials, "optimizer", ("sgd", "adam"))
    assert [s["number"] for s in sgd.drawn] == [3]
    assert [s["number"] for s in adam.drawn] == [4]
    assert (sgd.default["number"], adam.default["number"]) == (0, 1)


def test_a_branch_without_a_textbook_of_its_own_has_that_of_the_study():
    book = {**summary(0, 0.4, origin={"default": "sgd"})}
    book["settings"] = {**book["settings"], "schedule": "constant"}
    own = summary(1, 0.3)
    own["settings"] = {**own["settings"], "schedule": "cosine"}
    constant, cosine = branches([book, own], "schedule", ("constant", "cosine"))
    assert (constant.default, cosine.default) == (book, book)
    unfinished = {**book, "state": "DIVERGED"}
    assert branches([unfinished, own], "schedule", ("cosine",))[0].default is None


def test_the_best_are_those_that_trained_to_the_end():
    drawn = [summary(0, 0.1, state="PRUNED"), summary(1, 0.4), summary(2, 0.2), summary(3, 0.3)]
    assert [s["number"] for s in Branch("sgd", drawn, None).top(2)] == [2, 3]


def test_the_budgets_go_as_far_as_the_shortest_branch():
    long = Branch("sgd", [summary(i, 1.0 - 0.1 * i) for i in range(9)], None)
    short = Branch("adam", [summary(i, 0.5, "adam") for i in range(5)], None)
    told = by_budget([long, short])
    assert told["budgets"] == [1, 2, 4]
    assert told["winners"] == ["adam", "sgd", "sgd"]
    assert [len(told["curves"][name]) for name in ("sgd", "adam")] == [9, 5]
    assert by_budget([long, Branch("adam", [], None)])["winners"] == []


def test_the_width_of_a_basin_is_the_share_of_good_rates_of_the_decades_searched():
    good = [summary(i, 0.1 + 0.001 * i, rate=r) for i, r in enumerate((0.05, 0.1, 0.4))]
    bad = [summary(i, 0.9, rate=0.002 * i) for i in range(1, 9)]
    lost = [summary(20, None, state="DIVERGED", rate=1.0)]
    told = basin(Branch("sgd", [*good, *bad, *lost], None), SPACE, 0.02)
    assert told == {"decades": pytest.approx(3 / 12 * 3), "low": 0.05, "high": 0.4}


def test_there_is_no_basin_without_a_range_or_a_gain():
    assert basin(Branch("adam", [summary(0, 0.1, "adam")], None), SPACE, 0.02) is None
    assert basin(Branch("sgd", [summary(0, 3.0)], None), SPACE, 0.02) is None
    assert basin(Branch("sgd", [], None), SPACE, 0.02) is None


def test_a_target_is_reached_at_the_first_epoch_there():
    repeats = Repeats(0, {}, 0.1, [0.1, 0.2], [0.9, 0.4, 0.5, 0.15])
    assert short_of(0.1, 2.1, 0.05) == pytest.approx(0.2)
    assert [epochs_to(t, repeats) for t in (0.9, 0.45, 0.2, 0.1)] == [1, 2, 4, None]
