"""Promises of a race: rungs where they should be, losers leave, and nobody notices the others."""

from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest

from tests.search.conftest import EPOCHS, Racer, halved, trial
from tests.training.conftest import Bowl, member, supervised
from tuner.search.best_epoch import best_epoch
from tuner.search.pruners.halving import Halving
from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Race
from tuner.search.trials import Goal
from tuner.study.runners.population import PopulationRunner
from tuner.training.loop import Interrupted, Trainer

RATES = [0.001, 0.3, 0.01, 1e300, 0.1, 0.03, 1.0, 0.003, 3.0, 0.2, 0.05, 1e-4]
WILD = 3


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
    assert wild.result().validation_loss == pytest.approx(wild.initial["validation_loss"])


def test_a_trial_that_stands_above_its_start_for_five_epochs_has_diverged(race: Racer):
    climbing = race([2.1, 0.1], NoPruning(), [Bowl((1.0,))]).run()[0]
    assert climbing.state == "DIVERGED"
    assert climbing.epochs == 5
    assert climbing.diverged_at == pytest.approx(5 / EPOCHS)


def first_of(problem: Any, settings: dict[str, float], epochs: int, lr: float) -> Any:
    """How a race of one trial at that rate ends, and its outcome's curves."""
    own = replace(member("sgd", lr=lr), model_settings=settings)
    with Trainer(problem, epochs) as trainer:
        runner = PopulationRunner(trainer, [own])
        return Race([trial(0, lr=lr)], [runner], NoPruning().rule(0), epochs).run()[0]


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "settings",
    [{}, {"dropout": 0.5}, {"l1": 0.1, "l2": 1.0}, {"dropout": 0.3, "label_smoothing": 0.3}],
)
def test_a_rate_of_next_to_nothing_begins_and_stays_at_the_start(
    settings: dict[str, float], weighted: bool, batch_size: int
):
    """The start is measured as training is: no step of any size lies between both."""
    problem = supervised(hidden=(6,), weighted=weighted, batch_size=batch_size)
    ended = first_of(problem, settings, EPOCHS, lr=1e-12)
    assert ended.curves["train_loss"][0] == pytest.approx(ended.initial["train_loss"], rel=1e-6)
    assert ended.state == "COMPLETE"
    assert ended.label != "diverged"


@pytest.mark.parametrize("lr", [1e-6, 1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_rates_too_low_under_dropout_have_not_diverged(lr: float, batch_size: int):
    problem = supervised(hidden=(6,), batch_size=batch_size)
    for dropout in (0.2, 0.5):
        assert first_of(problem, {"dropout": dropout}, EPOCHS, lr).state == "COMPLETE"


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

    def out_of_budget(_: object) -> str:
        asked.append(1)
        return "budget" if len(asked) == 3 else ""

    outcomes = race([0.1, 0.2], NoPruning(), out_of_budget=out_of_budget).run()
    assert [(o.state, o.epochs) for o in outcomes] == [("PRUNED", 3)] * 2


def test_time_that_is_up_with_the_last_epoch_prunes_nobody(race: Racer):
    asked = []

    def out_of_budget(_: object) -> str:
        asked.append(1)
        return "budget" if len(asked) >= EPOCHS else ""

    outcomes = race([0.1, 0.2], NoPruning(), out_of_budget=out_of_budget).run()
    assert [(o.state, o.epochs) for o in outcomes] == [("COMPLETE", EPOCHS)] * 2


def test_after_each_epoch_the_race_says_who_still_runs(race: Racer):
    seen = []
    race(RATES, Halving(), on_epoch=lambda epoch, r: seen.append((epoch, len(r.running)))).run()
    assert [epoch for epoch, _ in seen] == list(range(EPOCHS + 1))
    counts = [count for _, count in seen]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(RATES) > counts[1]
    assert counts[-1] == 1


def test_a_race_of_one_trial_trains_it_to_the_end(race: Racer):
    (only,) = race([0.1], Halving()).run()
    assert (only.state, only.epochs) == ("COMPLETE", EPOCHS)


KEYS = [(seed, 0) for seed in (0, 1, 2)]


def test_the_curve_of_a_trial_is_the_mean_over_its_members(race: Racer):
    alone = [race(RATES, NoPruning(), keys=[key]).run() for key in KEYS]
    together = race(RATES, NoPruning(), keys=KEYS).run()
    for number, o in enumerate(together):
        own = [run[number] for run in alone]
        if o.state != "COMPLETE":
            continue
        for name, curve in o.curves.items():
            expected = np.mean([one.curves[name] for one in own], axis=0)
            np.testing.assert_allclose(curve, expected, rtol=1e-12)
        assert o.initial["train_loss"] == pytest.approx(
            np.mean([one.initial["train_loss"] for one in own])
        )
        assert dict(o.members) == {
            key: one.validation_loss for key, one in zip(KEYS, own, strict=True)
        }
    assert sum(o.state == "COMPLETE" for o in together) >= 9


def test_a_trial_diverges_when_one_of_its_members_does_and_leaves_with_all(race: Racer):
    """Rates at the edge: some seeds diverge, others do not."""
    rates = [0.1, *np.geomspace(1, 100, 16)]
    alone = [race(rates, NoPruning(), keys=[key]).run() for key in KEYS]
    outcomes = race(rates, NoPruning(), keys=KEYS).run()
    states = [{run[number].state for run in alone} for number in range(len(rates))]
    assert {"COMPLETE", "DIVERGED"} in states
    for number, o in enumerate(outcomes):
        assert o.state == ("DIVERGED" if "DIVERGED" in states[number] else "COMPLETE")
        assert o.epochs == min(run[number].epochs for run in alone)


def test_losers_of_a_rung_leave_by_the_mean_of_their_members(race: Racer):
    whole = {o.trial.number: o for o in race(RATES, NoPruning(), keys=KEYS).run()}
    curves = {n: np.array(o.curves.get("validation_loss", [])) for n, o in whole.items()}
    outcomes = race(RATES, Halving(), keys=KEYS).run()
    assert {o.trial.number: o.epochs for o in outcomes} == halved(curves, EPOCHS)


def test_folds_are_members_too(race: Racer):
    problem = supervised(hidden=(6,))
    two = replace(problem, folds=(problem.folds[0], problem.folds[0]))
    folded = race([0.1, 0.3], NoPruning(), [two], keys=[(0, 0), (0, 1)]).run()
    single = race([0.1, 0.3], NoPruning(), [problem]).run()
    for both, one in zip(folded, single, strict=True):
        assert both.curves == one.curves
        assert set(both.members) == {(0, 0), (0, 1)}


def test_a_score_that_should_be_high_ranks_trials_by_it(race: Racer):
    goal = Goal("validation_accuracy", greater_is_better=True)
    outcomes = race(RATES, Halving(), goal=goal).run()
    assert all(o.value == -o.at("validation_accuracy", o.epochs) for o in outcomes)
    first = {o.trial.number: o.rungs[2] for o in outcomes if 2 in o.rungs}
    stayed = {o.trial.number for o in outcomes if o.epochs > 2}
    left = first.keys() - stayed
    assert max(first[n] for n in stayed & first.keys()) <= min(first[n] for n in left)
    assert any("validation accuracy" in o.reason for o in outcomes if o.state == "PRUNED")


BEST = Goal(best_epoch=True)


def test_a_rung_compares_the_best_epochs_so_far(race: Racer):
    """Rates that overshoot late are judged by where they had been."""
    whole = {o.trial.number: o for o in race(RATES, NoPruning(), goal=BEST).run()}
    for o in race(RATES, Halving(), goal=BEST).run():
        for rung, value in o.rungs.items():
            losses = whole[o.trial.number].curves["validation_loss"][:rung]
            assert value == losses[best_epoch(losses) - 1]
        if o.state != "DIVERGED":
            assert o.counted == best_epoch(o.curves["validation_loss"])


def test_trials_end_at_their_own_lengths_and_nobody_notices(race: Racer):
    whole = {o.trial.number: o for o in race(RATES, NoPruning()).run()}
    lengths = {0: 3, 2: 3, 4: 11, 5: 1}
    expected = []
    racing = race(RATES, NoPruning(), lengths=lengths)
    for runner in racing.runners:
        runner.expect = lambda after, until: expected.append(until)
    outcomes = racing.run()
    for o in outcomes:
        length = lengths.get(o.trial.number, whole[o.trial.number].epochs)
        assert o.epochs == length
        assert o.state == whole[o.trial.number].state
        for name, curve in o.curves.items():
            assert curve == whole[o.trial.number].curves[name][:length]
    assert expected == [1, 3, 11, EPOCHS]  # up to where nobody leaves


@pytest.mark.parametrize("epoch", [2, 5, 12])
def test_a_race_of_best_epochs_and_lengths_is_taken_up_as_it_was(race: Racer, tmp_path, epoch):
    given = {"goal": BEST, "lengths": {0: 3, 4: 11}, "keys": ((0, 0), (7, 0))}

    def save(at: int, own: Race) -> None:
        if at == epoch:
            own.save(tmp_path)

    whole = race(RATES, Halving(), on_epoch=save, **given).run()
    again = race(RATES, Halving(), **given)
    again.restore(tmp_path)
    assert [o.result() for o in again.run()] == [o.result() for o in whole]


def test_all_rows_of_a_trial_count_by_one_epoch(race: Racer):
    for o in race(RATES, NoPruning(), goal=BEST, keys=((0, 0), (7, 0))).run():
        if o.state == "COMPLETE":
            assert np.isclose(np.mean(list(o.members.values())), o.value, rtol=1e-12)
