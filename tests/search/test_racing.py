"""Promises of a race: rungs where they should be, losers leave, and nobody notices the others."""

from threading import Event

import numpy as np
import pytest

from tests.search.conftest import EPOCHS, Racer, halved
from tests.training.conftest import Bowl, supervised
from tuner.search.racing import Halving, NoPruning
from tuner.training.loop import Interrupted

RATES = [0.001, 0.3, 0.01, 1e300, 0.1, 0.03, 1.0, 0.003, 3.0, 0.2, 0.05, 1e-4]
WILD = 3


@pytest.mark.parametrize(
    ("epochs", "rungs"),
    [
        (10, [1, 2, 4, 8]),
        (20, [2, 4, 8, 16]),
        (30, [3, 6, 12, 24]),
        (50, [5, 10, 20, 40]),
        (100, [10, 20, 40, 80]),
        (1000, [100, 200, 400, 800]),
    ],
)
def test_rungs_lie_at_10_20_40_and_80_percent(epochs: int, rungs: list[int]):
    assert Halving().rungs(epochs) == rungs


@pytest.mark.parametrize("keep", [0.5, 1 / 3, 0.9])
@pytest.mark.parametrize("epochs", range(1, 40))
def test_rungs_never_coincide_and_all_lie_before_the_end(epochs: int, keep: float):
    rungs = Halving(keep).rungs(epochs)
    assert rungs == sorted(set(rungs))
    assert all(1 <= rung < epochs for rung in rungs)


def test_one_epoch_has_no_rung():
    assert Halving().rungs(1) == []


def test_rungs_of_a_third_follow_each_other_three_times_later():
    assert Halving(1 / 3, 0.1).rungs(100) == [10, 30, 90]


def test_no_pruning_has_no_rungs_and_keeps_all():
    assert NoPruning().rungs(50) == []
    assert NoPruning().survivors({1: 3.0, 2: 1.0}, 9) == {1, 2}


def test_the_better_half_survives():
    losses = {4: 0.4, 1: 0.1, 3: 0.3, 2: 0.2}
    assert Halving().survivors(losses, 4) == {1, 2}


@pytest.mark.parametrize(
    ("keep", "entered", "survive"), [(0.5, 5, 3), (1 / 3, 9, 3), (1 / 3, 64, 22)]
)
def test_as_many_survive_as_the_share_says_rounded_up(keep: float, entered: int, survive: int):
    losses = {number: float(number) for number in range(entered)}
    assert Halving(keep).survivors(losses, entered) == set(range(survive))


def test_ties_go_to_the_lower_number():
    assert Halving().survivors({7: 1.0, 2: 1.0, 5: 1.0, 9: 1.0}, 4) == {2, 5}


def test_those_that_diverged_count_among_the_losers():
    """Of eight that entered four go on: the three left of them all do, had five diverged."""
    assert Halving().survivors({0: 1.0, 1: 2.0, 2: 3.0}, 8) == {0, 1, 2}
    assert Halving().survivors({n: float(n) for n in range(6)}, 8) == {0, 1, 2, 3}


def test_one_always_survives():
    assert Halving(0.1).survivors({3: 1.0, 4: 2.0}, 2) == {3}
    assert Halving().survivors({}, 4) == set()


def test_without_pruning_every_trial_trains_to_the_end_unless_it_diverges(race: Racer):
    outcomes = race(RATES, NoPruning()).run()
    assert [o.trial.number for o in outcomes] == list(range(len(RATES)))
    assert outcomes[WILD].state == "DIVERGED"
    whole = [o for o in outcomes if o.state == "COMPLETE"]
    assert len(whole) >= 9
    assert all(o.epochs == EPOCHS for o in whole)


def test_an_outcome_has_a_point_for_each_epoch_that_it_trained(race: Racer):
    for o in race(RATES, Halving()).run():
        assert all(len(curve) == o.epochs for curve in o.curves.values())
        assert o.reason
        assert np.isfinite([v for curve in o.curves.values() for v in curve]).all()


def test_losers_leave_by_their_current_validation_loss_and_at_no_other_rung(race: Racer):
    whole = {o.trial.number: o for o in race(RATES, NoPruning()).run()}
    curves = {n: np.array(o.curves.get("validation_loss", [])) for n, o in whole.items()}
    expected = halved(curves, EPOCHS)
    outcomes = race(RATES, Halving()).run()
    assert {o.trial.number: o.epochs for o in outcomes} == expected
    for o in outcomes:
        pruned = o.epochs < len(curves[o.trial.number])
        assert o.state == ("PRUNED" if pruned else whole[o.trial.number].state)
    assert {o.state for o in outcomes} == {"COMPLETE", "PRUNED", "DIVERGED"}


def test_a_trial_has_the_same_curve_whoever_leaves_around_it(race: Racer):
    whole = {o.trial.number: o for o in race(RATES, NoPruning()).run()}
    for o in race(RATES, Halving()).run():
        for name, curve in o.curves.items():
            assert curve == whole[o.trial.number].curves[name][: o.epochs]


def test_the_losses_at_the_rungs_passed_are_kept(race: Racer):
    for o in race(RATES, Halving()).run():
        passed = [rung for rung in Halving().rungs(EPOCHS) if rung <= o.epochs]
        assert dict(o.rungs) == {rung: o.curves["validation_loss"][rung - 1] for rung in passed}


def test_trials_of_several_structures_race_each_other(race: Racer):
    problems = [supervised(hidden=(6,)), supervised(hidden=(3, 2)), supervised()]
    structures = [number % 3 for number in range(len(RATES))]
    whole = {o.trial.number: o for o in race(RATES, NoPruning(), problems, structures).run()}
    curves = {n: np.array(o.curves.get("validation_loss", [])) for n, o in whole.items()}
    outcomes = race(RATES, Halving(), problems, structures).run()
    assert {o.trial.number: o.epochs for o in outcomes} == halved(curves, EPOCHS)


def test_a_trial_that_diverges_at_a_step_says_when(race: Racer):
    problem = supervised(hidden=(6,))
    wild = race([1e300, 0.1], NoPruning(), [problem]).run()[0]
    assert wild.state == "DIVERGED"
    assert wild.epochs == 0
    assert 0 < wild.diverged_at <= 1 / EPOCHS
    assert "not finite at step" in wild.reason
    assert wild.label == "diverged"
    assert wild.summary()["validation_loss"] == pytest.approx(wild.initial["validation_loss"])


def test_a_trial_that_stands_above_its_start_for_five_epochs_has_diverged(race: Racer):
    climbing = race([2.1, 0.1], NoPruning(), [Bowl((1.0,))]).run()[0]
    assert climbing.state == "DIVERGED"
    assert climbing.epochs == 5
    assert climbing.diverged_at == pytest.approx(5 / EPOCHS)


def test_a_race_in_which_all_diverge_ends(race: Racer):
    outcomes = race([1e300, 1e305], Halving()).run()
    assert [o.state for o in outcomes] == ["DIVERGED"] * 2


def test_what_is_pruned_is_not_called_better_than_the_best(race: Racer):
    for o in race(RATES, Halving()).run():
        if o.state == "PRUNED":
            assert "below the" not in o.reason


def test_an_interrupted_race_ends_its_running_trials_as_interrupted(race: Racer):
    stop = Event()

    def on_epoch(epoch: int, running: object) -> None:
        if epoch == 5:
            stop.set()

    racing = race(RATES, Halving(), stop=stop, on_epoch=on_epoch)
    with pytest.raises(Interrupted):
        racing.run()
    assert set(racing.outcomes) == set(range(len(RATES)))
    states = {o.state for o in racing.outcomes.values()}
    assert states == {"PRUNED", "DIVERGED", "INTERRUPTED"}
    stopped = [o for o in racing.outcomes.values() if o.state == "INTERRUPTED"]
    assert all(o.epochs == 5 for o in stopped)


def test_when_time_is_up_the_running_trials_are_pruned(race: Racer):
    asked = []

    def time_is_up() -> bool:
        asked.append(1)
        return len(asked) == 3

    outcomes = race([0.1, 0.2], NoPruning(), time_is_up=time_is_up).run()
    assert [(o.state, o.epochs) for o in outcomes] == [("PRUNED", 3)] * 2


def test_time_that_is_up_with_the_last_epoch_prunes_nobody(race: Racer):
    asked = []

    def time_is_up() -> bool:
        asked.append(1)
        return len(asked) >= EPOCHS

    outcomes = race([0.1, 0.2], NoPruning(), time_is_up=time_is_up).run()
    assert [(o.state, o.epochs) for o in outcomes] == [("COMPLETE", EPOCHS)] * 2


def test_after_each_epoch_the_race_says_who_still_runs(race: Racer):
    seen = []
    race(RATES, Halving(), on_epoch=lambda epoch, r: seen.append((epoch, len(r.running)))).run()
    assert [epoch for epoch, _ in seen] == list(range(1, EPOCHS + 1))
    counts = [count for _, count in seen]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] < len(RATES)
    assert counts[-1] == 1


def test_a_race_of_one_trial_trains_it_to_the_end(race: Racer):
    (only,) = race([0.1], Halving()).run()
    assert (only.state, only.epochs) == ("COMPLETE", EPOCHS)
