"""Promises of the audit: each check finds what is there, keeps still where it cannot judge."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.study.simulated import (
    LR,
    RATES,
    bowl,
    curves,
    found,
    searched,
    space,
    study,
    tried,
)
from tuner import discovery
from tuner.search.ranges import Choices, Range
from tuner.search.space import Space
from tuner.search.trials import Goal
from tuner.study import audit
from tuner.study.audit import findings
from tuner.study.bounds import domain_of, moved
from tuner.training.domains import Domain

EPOCHS = 30
POSITIVE = Domain(0.0, math.inf, low_closed=False)


def only(audited: Any, check: str) -> Any:
    """The one finding of a check."""
    (finding,) = found(audited, check)
    return finding


# Bounds.


@pytest.mark.parametrize(
    ("best", "change"),
    [
        (9.0, {f"{LR}.high": 180.0}),
        (1.2e-4, {f"{LR}.low": 5.6e-06}),
        (0.03, {}),
        (0.5, {}),
    ],
)
def test_a_best_rate_near_a_bound_moves_that_bound(best: float, change: dict[str, float]) -> None:
    finding = only(study(searched(bowl(best), space(), 80)), "bounds")
    assert finding.passed == (not change)
    assert finding.changes == change
    assert (finding.number <= finding.threshold) != finding.passed


def test_two_of_the_top_five_near_a_bound_count_and_one_does_not() -> None:
    def rates(*numbers: float) -> Any:
        own = [tried(i, 0.1 * (i + 1), settings={LR: rate}) for i, rate in enumerate(numbers)]
        return only(study(own), "bounds")

    assert rates(0.1, 9.0, 0.2, 0.3, 0.05).passed
    assert rates(0.1, 9.0, 0.2, 8.0, 0.05).changes == {f"{LR}.high": 180.0}
    assert rates(0.1, 9.0, 0.2, 1.1e-4, 0.05).passed
    assert rates(0.1, 0.02, 0.2, 0.3, 0.05, 9.0, 9.5).passed


def test_a_share_of_the_range_is_one_of_its_own_scale() -> None:
    # Within 10 % of 0.5 to 0.98 by 1 - x is from 0.972 up; on a line it would be from 0.932.
    path = "optimizer.sgd.clip_norm"
    own = Range(0.5, 0.98, "reverse_log")
    for value, passed in ((0.95, True), (0.975, False)):
        trials = [tried(i, 0.1 * i, settings={path: value if not i else 0.8}) for i in range(6)]
        audited = study(trials, space({path: own}))
        assert only(audited, "bounds").passed == passed


@pytest.mark.parametrize(
    ("setting", "upper", "domain", "new"),
    [
        (RATES, True, POSITIVE, 180.0),
        (Range(9.0, 10.0, "log"), True, POSITIVE, 10.3),
        (Range(0.5, 0.98, "reverse_log"), True, Domain(0, 1), 0.9911),
        (Range(0.5, 0.98, "reverse_log"), False, Domain(0, 1), 0.0),
        (Range(0.0, 0.9), False, Domain(0, 1), None),
        (Range(0.0, 0.9), True, Domain(0, 1), 0.95),
        (Range(0.0, 0.999), True, Domain(0, 1), None),
        (Range(0.0, 0.8), True, Domain(0, 1, high_closed=True), 1.0),
        (Range(0.0, 1.0), True, Domain(0, 1, high_closed=True), None),
        (Range(0.1, 0.9, step=0.1), True, POSITIVE, 1.1),
        (Range(8, 64, integer=True), True, Domain(1, 1e5, whole=True), 78),
        (Range(2, 64, "log", integer=True), False, Domain(1, 1e5, whole=True), 1),
        (Range(1, 64, "log", integer=True), False, Domain(1, 1e5, whole=True), None),
        (Choices((16, 32, 64)), True, Domain(1, 1e7, whole=True), 128),
        (Choices((0.1, 0.3, 0.2)), True, POSITIVE, 0.4),
        (Choices((0.01, 0.1, 1.0)), False, POSITIVE, 0.001),
        (Choices((1, 2, 4)), False, Domain(1, 1e7, whole=True), None),
    ],
)
def test_a_bound_moves_by_a_quarter_of_the_width_as_far_as_the_domain_goes(
    setting: Any, upper: bool, domain: Domain, new: float | None
) -> None:
    assert moved(setting, upper, domain) == (None if new is None else pytest.approx(new, rel=1e-9))


def test_a_bound_that_is_the_limit_of_its_domain_is_not_advised_to_move() -> None:
    path = "model.mlp.dropout"
    trials = [tried(i, 0.1 * i, settings={path: 0.01 * i}) for i in range(8)]
    for low, number in ((0.0, 0), (0.005, 1)):
        own = space({path: Range(low, 0.5)}, model=("mlp",))
        moves = [f for f in found(study(trials[1:], own), "bounds") if not f.passed]
        assert len(moves) == number
    assert domain_of("optimizer.momentum.momentum", {}) == Domain(0.0, 1.0)


def test_the_end_of_a_list_of_numbers_is_a_bound_and_of_a_list_of_words_is_none() -> None:
    own = space({"batch_size": Choices((64, 16, 32)), "model.mlp.activation": Choices(("a", "b"))})
    for best, change in ((64, {"batch_size": {"choices": [16, 32, 64, 128]}}), (32, {})):
        words = {"model.mlp.activation": "a"}
        sizes = [best, 32, 32, 16, 32, 32]
        trials = [
            tried(i, 0.1 * i, settings={"batch_size": size, "width": i, **words})
            for i, size in enumerate(sizes)
        ]
        assert only(study(trials, replace(own, branches={})), "bounds").changes == change


def test_each_optimizer_is_judged_by_its_own_best_trials() -> None:
    adam = "optimizer.adam.lr"
    own = space(
        {"optimizer": Choices(("sgd", "adam")), LR: RATES, adam: Range(1e-5, 1e-1, "log")},
        optimizer=("sgd", "adam"),
    )

    def value(settings: dict[str, Any]) -> float:
        if settings["optimizer"] == "adam":
            return 1 + bowl(0.09, adam)(settings)
        return bowl(0.1)(settings)

    trials = [replace(t, settings={**t.settings}) for t in searched(value, own, 80)]
    for trial in trials:
        if trial.settings["optimizer"] == "adam":
            del trial.settings[LR]
    failed = [f for f in found(study(trials, own), "bounds") if not f.passed]
    assert [list(f.changes) for f in failed] == [[f"{adam}.high"]]


def test_rates_are_not_widened_to_where_all_diverge() -> None:
    trials = searched(bowl(9.0), space(), 80, stable=lambda s: s[LR] < 8.0)
    assert all(f.passed for f in found(study(trials), "bounds"))
    assert max(t.settings[LR] for t in trials if t.state == "COMPLETE") > 3.5


def test_few_trials_say_nothing_of_bounds() -> None:
    assert found(study([tried(i, 1.0 + i, settings={LR: 9.0}) for i in range(4)]), "bounds") == []


@pytest.mark.parametrize(("matters", "least", "most"), [(0.0, 0.2, 0.36), (1.0, 0.0, 0.01)])
def test_how_often_a_bound_is_called_near_by_chance(
    matters: float, least: float, most: float
) -> None:
    def alarm(seed: int) -> bool:
        noise = iter(np.random.default_rng([seed, 1]).normal(size=20) * 0.05)

        def value(settings: dict[str, Any]) -> float:
            return matters * (np.log10(settings[LR] / 0.0316) / 5) ** 2 + next(noise)

        return not only(study(searched(value, space(), 20, seed)), "bounds").passed

    assert least <= np.mean([alarm(seed) for seed in range(200)]) <= most


# Divergence.


def test_rates_above_which_all_diverge_are_left_out_if_they_cost_more_than_a_tenth() -> None:
    for edge, passed in ((0.5, False), (8.0, True)):
        trials = searched(bowl(0.1), space(), 80, stable=lambda s, e=edge: s[LR] < e)
        finding = only(study(trials), "divergence")
        lost = [t.settings[LR] for t in trials if t.state == "DIVERGED"]
        assert lost
        assert finding.passed == passed
        assert finding.number == len(lost) / 80
        if not passed:
            assert list(finding.changes) == [f"{LR}.high"]
            assert edge <= finding.changes[f"{LR}.high"] == pytest.approx(min(lost), rel=0.01)


def test_divergence_that_does_not_go_by_the_rate_narrows_none() -> None:
    states = ["DIVERGED" if i % 3 == 0 else "COMPLETE" for i in range(12)]
    trials = [
        tried(i, None if state == "DIVERGED" else 1.0, state, settings={LR: 0.01 * (i + 1)})
        for i, state in enumerate(states)
    ]
    finding = only(study(trials), "divergence")
    assert not finding.passed
    assert finding.changes == {}


@pytest.mark.parametrize(
    ("setting", "change"),
    [
        (Range(1.0, 100.0, "log"), {"low": 0.002, "high": 0.2, "scale": "log"}),
        (Choices((2.0, 20.0)), {"low": 2e-4, "high": 0.2, "scale": "log"}),
        (None, {"low": 2e-4, "high": 0.2, "scale": "log"}),
    ],
)
def test_where_all_diverged_the_next_round_has_lower_rates_and_nothing_else_is_said(
    setting: Any, change: dict[str, Any]
) -> None:
    trials = [tried(i, None, "DIVERGED", settings={LR: 2.0 * 10**i}) for i in range(2)]
    own = space({LR: setting} if setting else {})
    (finding,) = findings(study(trials, own))
    assert (finding.check, finding.number, finding.changes) == ("divergence", 1.0, {LR: change})


def test_rates_that_diverge_are_taken_out_of_a_list() -> None:
    own = space({LR: Choices((0.1, 1.0, 10.0))})
    trials = searched(bowl(0.1), own, 12, stable=lambda s: s[LR] < 10)
    assert only(study(trials, own), "divergence").changes == {LR: {"choices": [0.1, 1.0]}}


def test_trials_without_a_rate_are_counted_and_no_rate_is_advised() -> None:
    trials = [tried(i, None, "DIVERGED") for i in range(2)]
    trials = [replace(t, settings={"x": 0.5}) for t in trials]
    finding = only(study(trials, space({"x": Range(0.0, 1.0)})), "divergence")
    assert not finding.passed
    assert "gentler" in finding.advice
    assert finding.changes == {}


# The edge of stability.


@pytest.mark.parametrize(
    ("edge", "number"),
    [
        ((False, True, True, True), 1),
        ((False, True, False, False), 1),
        ((False, False, True, True), 2),
        ((False, False, False, False), 10),
    ],
)
def test_the_winner_must_bear_twice_its_rate(edge: tuple[bool, ...], number: int) -> None:
    own = replace(space(), fixed={**space().fixed, "schedule.constant.warmup_linear": 0.0})
    finding = only(study([tried(0, 0.1)], own, edge=edge), "edge of stability")
    assert (finding.number, finding.passed) == (number, number >= 2)
    warmup = {"schedule.constant.warmup_linear": {"low": 0.0, "high": 0.2}}
    assert finding.changes == ({} if finding.passed else warmup)


@pytest.mark.parametrize("edge", [(), (True, True, True, True)])
def test_nothing_is_said_of_the_edge_without_short_runs_that_stand_for_the_long_one(
    edge: tuple[bool, ...],
) -> None:
    assert found(study([tried(0, 0.1)], edge=edge), "edge of stability") == []


# The winner's curve.


def falling(rate: float, epochs: int = EPOCHS, floor: float = 0.1) -> np.ndarray:
    """Losses of a quadratic under gradient descent with a rate of so much an epoch."""
    return floor + (4 - floor) * (1 - rate) ** (2 * np.arange(epochs + 1))


@pytest.mark.parametrize(
    ("rate", "label", "longer"),
    [(0.02, "slow", True), (0.5, "converged", False), (0.02, "converged", False)],
)
@pytest.mark.parametrize("goal", [Goal(), Goal("validation_accuracy", greater_is_better=True)])
def test_a_best_epoch_at_the_end_counts_if_the_end_brought_something(
    rate: float, label: str, longer: bool, goal: Goal
) -> None:
    losses = falling(rate)
    own = {**curves(losses), "validation_accuracy": list(1 - losses / 4)}
    trial = tried(0, float(goal.turn(own[goal.curve][-1])), label=label)
    trial = replace(trial, start=float(goal.turn(own[goal.curve][0])))
    audited = study([trial], losses=own, goal=goal)
    finding = only(audited, "best epoch")
    assert finding.passed != longer
    assert finding.changes == ({"budget.epochs": 60} if longer else {})
    still = found(audited, "still improving")
    assert [f.passed for f in still] == [not longer]


def test_without_a_loss_before_the_first_step_the_first_epoch_is_the_start() -> None:
    losses = [math.nan, *falling(0.02)[1:]]
    trial = replace(tried(0, losses[-1]), start=None)
    finding = only(study([trial], losses=curves(losses)), "best epoch")
    assert finding.changes == {"budget.epochs": 60}
    assert "% of the total gain" in finding.said


def test_an_early_best_epoch_makes_the_next_round_shorter() -> None:
    losses = falling(0.8)
    for at, passed in ((2, False), (3, False), (4, True), (10, True)):
        own = losses.copy()
        own[at + 1 :] = own[at] + np.linspace(0.05, 1.0, EPOCHS - at)
        finding = only(study([tried(0, 1.0)], losses=curves(own)), "best epoch")
        assert (finding.passed, finding.number) == (passed, at / EPOCHS)
        assert finding.changes == ({} if passed else {"budget.epochs": 15})


def test_a_validation_loss_that_rises_again_is_overfitting_and_one_that_stands_is_not() -> None:
    own = replace(space(), fixed={**space().fixed, "model": "mlp"})
    train = falling(0.1, floor=0.0)
    for end, passed in ((1.05, True), (1.5, False)):
        validation = np.concatenate([falling(0.3, 10), np.full(20, falling(0.3, 10)[-1])])
        validation[11:] *= np.linspace(1.0, end, 20)
        trial = tried(0, 1.0, settings={"model": "mlp"})
        finding = only(study([trial], own, curves(train, validation)), "overfitting")
        assert finding.passed == passed == (finding.number <= finding.threshold)
        change = {"model.mlp.l2": {"low": 0.0, "high": 0.01}, "budget.epochs": 15}
        assert finding.changes == ({} if passed else change)


def test_a_function_has_no_validation_part_to_overfit() -> None:
    assert found(study([tried(0, 1.0)], losses=curves(falling(0.1))), "overfitting") == []


def test_under_a_constant_rate_that_still_improves_a_decay_is_searched_too() -> None:
    own, losses = space(), curves(falling(0.02))
    changes = only(study([tried(0, 1.0)], own, losses), "still improving").changes
    assert changes == {"budget.epochs": 60, "schedule.cosine": {"final": 0.0}}
    decays = space(schedule=("cosine",))
    trial = tried(0, 1.0, settings={"schedule": "cosine"})
    assert only(study([trial], decays, losses), "still improving").changes == {"budget.epochs": 60}


def test_a_schedule_that_ends_at_zero_hides_no_end_that_still_falls() -> None:
    rates = 0.05 * (1 + np.cos(np.pi * np.arange(1, EPOCHS + 1) / EPOCHS)) / 2
    distance = np.concatenate([[2.0], 2.0 * np.cumprod(1 - rates)])
    own = {**curves(distance**2), "learning_rate": [None, *rates]}
    late = distance[-8] ** 2 - distance[-1] ** 2
    assert late < 0.01 * distance[0] ** 2
    finding = only(study([tried(0, float(distance[-1] ** 2))], losses=own), "still improving")
    assert not finding.passed
    assert finding.number > 0.05


@pytest.mark.parametrize("label", ["overfitting", "oscillating"])
def test_no_check_asks_to_train_longer_against_the_winners_label(label: str) -> None:
    audited = study([tried(0, 1.0, label=label)], losses=curves(falling(0.3)))
    assert not any("budget.epochs" in f.changes for f in findings(audited))


# Noise.


def noisy(deviation: float, seed: int, epochs: int = EPOCHS, schedule: str = "cosine") -> Any:
    """A study whose top five lie 1 apart in all, its winner's curve with so much noise."""
    noise = np.random.default_rng(seed).normal(size=epochs + 1) * deviation
    chosen = {"schedule": schedule}
    trials = [tried(i, i / 4, settings={LR: 0.1 + i, **chosen}) for i in range(5)]
    losses = 3 * np.exp(-np.arange(epochs + 1) / (epochs / 6)) + noise
    return study(trials, space(schedule=(schedule,)), curves(losses))


def test_late_noise_is_measured_against_the_gap_of_the_top_trials() -> None:
    steady, wild = (only(noisy(d, 0), "late noise") for d in (0.1, 2.0))
    assert (steady.passed, wild.passed) == (True, False)
    assert steady.threshold == wild.threshold == 1.0
    assert only(noisy(2.0, 0, schedule="constant"), "late noise").changes == {
        "schedule.cosine": {"final": 0.0}
    }
    assert wild.changes == {}


@pytest.mark.parametrize("epochs", [16, 50, 200])
def test_how_often_late_noise_is_called_too_large(epochs: int) -> None:
    def share(deviation: float) -> float:
        checked = (only(noisy(deviation, seed, epochs), "late noise") for seed in range(120))
        return float(np.mean([not finding.passed for finding in checked]))

    assert share(0.25) <= 0.12
    assert share(1.0) >= 0.8


def test_too_short_a_curve_tells_no_noise() -> None:
    assert found(noisy(1.0, 0, 15), "late noise") == []


def random_search(noise: float, seed: int, trials: int, settings: int) -> Any:
    """A random search for the middle of a bowl, whose winner differs so much between seeds."""
    rng = np.random.default_rng([seed, trials, settings])
    values = ((rng.random((trials, settings)) - 0.4) ** 2).sum(axis=1)
    own = [tried(i, float(v), settings={LR: 0.1 + i}) for i, v in enumerate(values)]
    return study(own, seeds=list(noise * rng.normal(size=10)))


def test_more_trials_are_asked_for_where_they_bring_more_than_seeds_differ() -> None:
    few, enough = (only(random_search(d, 0, 32, 4), "enough trials") for d in (1e-4, 1.0))
    assert (few.passed, enough.passed) == (False, True)
    assert (few.changes, enough.changes) == ({"budget.trials": 80}, {})
    assert few.number > few.threshold


# What as many trials again bring, in the mean of 300 searches.
GAINS = {(16, 2): 0.0094, (32, 4): 0.0191, (64, 4): 0.0138}


@pytest.mark.parametrize(("trials", "settings"), GAINS)
def test_how_often_more_trials_are_asked_for(trials: int, settings: int) -> None:
    def share(times: float) -> float:
        noise = times * GAINS[trials, settings]
        checked = (random_search(noise, seed, trials, settings) for seed in range(100))
        return float(np.mean([not only(s, "enough trials").passed for s in checked]))

    assert share(0.5) >= 0.87
    assert share(5.0) <= 0.12


@pytest.mark.parametrize("trials", [15, 16])
def test_trials_are_enough_or_not_only_where_there_are_some_and_seeds_were_tried(
    trials: int,
) -> None:
    audited = random_search(1.0, 0, trials, 2)
    assert len(found(audited, "enough trials")) == (trials == 16)
    assert found(replace(audited, confirmation=None), "enough trials") == []


# All of them.


def test_every_check_is_found_and_keeps_still_where_there_is_nothing_to_judge() -> None:
    names = discovery.names(audit.__name__)
    assert len(names) == 8
    assert findings(study([])) == ()
    assert findings(study([tried(0, 1.0, "INTERRUPTED")], winner=None)) == ()


def test_what_failed_comes_first_and_every_number_can_be_written() -> None:
    trials = searched(bowl(9.0), space(), 40)
    told = findings(study(trials, losses=curves(falling(0.02)), edge=(False, True, True, True)))
    assert [f.passed for f in told] == sorted(f.passed for f in told)
    assert {True, False} == {f.passed for f in told}
    for finding in told:
        assert math.isfinite(finding.number)
        assert math.isfinite(finding.threshold)
        assert bool(finding.advice) != finding.passed


# Settings of a user's function, of which nothing but the range is known.


@pytest.mark.parametrize(
    ("setting", "upper", "new"),
    [
        (Range(1e-4, 1.0, "log"), True, 10.0),
        (Range(1e-4, 1.0, "log"), False, 1e-05),
        (Range(0.0, 0.5), False, None),
        (Range(0.0, 0.5), True, 0.62),
        (Range(0.0, 1.0), True, None),
        (Range(-1.0, 1.0), True, 1.5),
        (Range(0.5, 0.99, "reverse_log"), True, 0.9962),
        (Range(1, 8, integer=True), False, None),
        (Range(1, 64, "log", integer=True), False, None),
        (Choices((32, 64, 128)), True, 256),
        (Choices((1, 2, 4)), False, None),
    ],
)
def test_the_bound_of_a_functions_setting_moves_as_far_as_its_range_lets_guess(
    setting: Any, upper: bool, new: float | None
) -> None:
    domain = domain_of("train.setting", {}, setting)
    assert domain is not None
    assert moved(setting, upper, domain) == (None if new is None else pytest.approx(new, rel=0.03))


def test_a_functions_words_have_no_bounds() -> None:
    assert domain_of("train.kind", {}, Choices(("a", "b", "c"))) is None


def own_trial(number: int, value: float, settings: dict[str, Any], lost: bool) -> Any:
    """A trial of a user's function, with these settings and no others."""
    state = "DIVERGED" if lost else "COMPLETE"
    return replace(tried(number, value, state), settings=settings, advice="train longer")


def test_a_functions_lr_is_a_learning_rate_to_the_audit() -> None:
    rates = [10 ** (-4 + i / 4) for i in range(20)]
    trials = [own_trial(i, rate, {"train.lr": rate}, rate > 1.1) for i, rate in enumerate(rates)]
    own = Space({}, {"train.lr": Range(1e-4, 10.0, "log")}, {})
    finding = only(study(trials, own), "divergence")
    assert "all trials with a learning rate of 1.78 or more" in finding.said
    assert finding.changes == {"train.lr.high": 1.78}


def test_a_function_without_a_rate_is_not_advised_to_change_one() -> None:
    trials = [own_trial(i, i / 4, {"train.width": i}, i > 8) for i in range(12)]
    rng = np.random.default_rng(0)
    losses = 3 * np.exp(-np.arange(EPOCHS + 1) / 5) + 2 * rng.normal(size=EPOCHS + 1)
    own = Space({}, {"train.width": Range(0, 12, integer=True)}, {})
    seen = {name: c for name, c in curves(losses).items() if name != "learning_rate"}
    told = [f"{found.said}; {found.advice}" for found in findings(study(trials, own, seen))]
    assert any("trials diverged; try gentler settings" in line for line in told), told
    assert any("average over the last epochs" in line for line in told), told
    assert not any("rate" in line for line in told), told


def test_a_rate_that_branches_share_is_narrowed_for_none_that_bears_it() -> None:
    trials = [
        own_trial(i, rate, {"train.optimizer": name, "train.lr": rate}, name == "sgd" and rate > 1)
        for i, (rate, name) in enumerate(
            (0.1 * j, n) for j in range(1, 21) for n in ("sgd", "lion")
        )
    ]
    space_ = Space(
        {},
        {"train.optimizer": Choices(("sgd", "lion")), "train.lr": Range(0.01, 2.0, "log")},
        {"train.optimizer": ("sgd", "lion")},
    )
    told = [f for f in found(study(trials, space_), "divergence") if not f.passed]
    assert [f.advice for f in told] == ["give sgd a learning rate of its own, below 1.1"]
    assert told[0].changes == {}
