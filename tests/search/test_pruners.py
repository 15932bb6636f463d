"""Promises of the pruners: where rungs lie, who goes on, and what Optuna's own ones see."""

import pytest

from tests.search.conftest import outcome, trial
from tuner.errors import UserError
from tuner.search.pruners import Pruner
from tuner.search.pruners.halving import Halving
from tuner.search.pruners.hyperband import Hyperband
from tuner.search.pruners.none import NoPruning
from tuner.search.pruners.optuna import OptunaPruner, kinds, make
from tuner.search.trials import TrialResult


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
    assert NoPruning().survivors(1, {1: 3.0, 2: 1.0}, 9) == {1, 2}


def test_the_better_half_survives():
    losses = {4: 0.4, 1: 0.1, 3: 0.3, 2: 0.2}
    assert Halving().survivors(1, losses, 4) == {1, 2}


@pytest.mark.parametrize(
    ("keep", "entered", "survive"), [(0.5, 5, 3), (1 / 3, 9, 3), (1 / 3, 64, 22)]
)
def test_as_many_survive_as_the_share_says_rounded_up(keep: float, entered: int, survive: int):
    losses = {number: float(number) for number in range(entered)}
    assert Halving(keep).survivors(1, losses, entered) == set(range(survive))


def test_ties_go_to_the_lower_number():
    assert Halving().survivors(1, {7: 1.0, 2: 1.0, 5: 1.0, 9: 1.0}, 4) == {2, 5}


def test_those_that_diverged_count_among_the_losers():
    """Of eight that entered four go on: the three left of them all do, had five diverged."""
    assert Halving().survivors(1, {0: 1.0, 1: 2.0, 2: 3.0}, 8) == {0, 1, 2}
    assert Halving().survivors(1, {n: float(n) for n in range(6)}, 8) == {0, 1, 2, 3}


def test_one_always_survives():
    assert Halving(0.1).survivors(1, {3: 1.0, 4: 2.0}, 2) == {3}
    assert Halving().survivors(1, {}, 4) == set()


def test_hyperband_runs_its_brackets_in_turn_the_largest_and_earliest_first():
    """eta = 3 and R = 9: of the published brackets of 9, 5 and 3 trials, 1/9, 1/3 and all."""
    pruner = Hyperband(keep=1 / 3, first_rung=1 / 9)
    assert [pruner.size(cohort, 9) for cohort in range(4)] == [9, 5, 3, 9]
    assert [pruner.rule(cohort).rungs(90) for cohort in range(4)] == [[10, 30], [30], [], [10, 30]]


def test_hyperband_of_four_and_81_epochs_is_the_table_of_its_paper():
    """Li et al. 2018, table 1: eta = 3, R = 81; n of 81, 34, 15, 8 and 5."""
    pruner = Hyperband(keep=1 / 3, first_rung=1 / 81)
    assert [pruner.size(s, 81) for s in range(5)] == [81, 34, 15, 8, 5]
    assert pruner.rule(0).rungs(81) == [1, 3, 9, 27]
    assert pruner.rule(4).rungs(81) == []


@pytest.mark.parametrize("kind", kinds())
def test_every_pruner_of_optuna_can_be_asked_for(kind: str):
    needed = {"PercentilePruner": {"percentile": 25.0}, "ThresholdPruner": {"upper": 1.0}}
    needed["PatientPruner"] = {"wrapped_pruner": "MedianPruner", "patience": 1}
    pruner = OptunaPruner(kind, needed.get(kind, {}))
    for cohort in range(3):
        numbers = range(4 * cohort, 4 * cohort + 4)
        pruner.learn(raced(pruner, {n: [float(n)] * 10 for n in numbers}, cohort))


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("MedianPrunner", {}, "pruner.kind: MedianPrunner: did you mean MedianPruner?"),
        ("BasePruner", {}, "pruner.kind: BasePruner: "),
        ("WilcoxonPruner", {}, "pruner.kind: WilcoxonPruner: compares problem instances"),
        ("MedianPruner", {"warmup": 3}, "pruner.arguments.warmup: is unknown: MedianPruner takes"),
        ("NopPruner", {"x": 3}, "pruner.arguments.x: is unknown: NopPruner takes no arguments"),
        ("PercentilePruner", {}, "pruner.arguments.percentile: is missing"),
        ("PercentilePruner", {"percentile": 300.0}, "pruner.arguments: {'percentile': 300.0}"),
        ("PercentilePruner", {"percentile": "x"}, "pruner.arguments.percentile: 'x': must be a nu"),
        (
            "SuccessiveHalvingPruner",
            {"reduction_factor": 2.5},
            "pruner.arguments.reduction_factor: 2.5: must be a whole number",
        ),
        (
            "HyperbandPruner",
            {"reduction_factor": "x"},
            "pruner.arguments.reduction_factor: 'x': must be a whole number",
        ),
        (
            "PatientPruner",
            {"wrapped_pruner": None, "patience": 1.5},
            "pruner.arguments.patience: 1.5: must be a whole number",
        ),
        (
            "PatientPruner",
            {"wrapped_pruner": 3, "patience": 1},
            "pruner.arguments.wrapped_pruner: 3: must be the name of a pruner or null",
        ),
        ("MedianPruner", {"n_min_trials": True}, "pruner.arguments.n_min_trials: True: must be a "),
        ("HyperbandPruner", {"max_resource": 9.5}, "pruner.arguments.max_resource: 9.5: must be "),
        ("HyperbandPruner", {"min_resource": 0}, "pruner.arguments: {'min_resource': 0}: Hyper"),
        ("HyperbandPruner", {"max_resource": 0}, "pruner.arguments: {'max_resource': 0}: Hyper"),
        ("HyperbandPruner", {"reduction_factor": 1}, "pruner.arguments: {'reduction_factor': 1}: "),
    ],
)
def test_a_pruner_of_optuna_that_cannot_be_is_a_line(kind: str, arguments: dict, said: str):
    with pytest.raises(UserError) as error:
        make(kind, arguments)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("PatientPruner", {"wrapped_pruner": None, "patience": 1, "min_delta": 1}),
        ("PercentilePruner", {"percentile": 25}),
        ("ThresholdPruner", {"lower": None, "upper": 3}),
        ("HyperbandPruner", {"max_resource": 9}),
        ("HyperbandPruner", {"max_resource": "auto"}),
        ("SuccessiveHalvingPruner", {"min_resource": "auto", "reduction_factor": 2}),
    ],
)
def test_a_pruner_of_optuna_takes_what_its_signature_says(kind: str, arguments: dict):
    assert type(make(kind, arguments)).__name__ == kind


def raced(pruner: Pruner, curves: dict[int, list[float]], cohort: int) -> list[TrialResult]:
    """How a cohort of these values by epoch ends, raced by hand."""
    epochs = len(next(iter(curves.values())))
    rule, running = pruner.rule(cohort), set(curves)
    rungs: dict[int, dict[int, float]] = {n: {} for n in curves}
    for epoch in rule.rungs(epochs):
        values = {n: curves[n][epoch - 1] for n in running}
        for n, value in values.items():
            rungs[n][epoch] = value
        running = rule.survivors(epoch, values, len(values))
    return [
        outcome(
            trial(n), "COMPLETE" if n in running else "PRUNED", curves[n], rungs=rungs[n]
        ).result()
        for n in curves
    ]


CURVES = {n: [1 / (epoch + 1) + (7 * n % 12) / 10 for epoch in range(20)] for n in range(12)}


def cohort_of(index: int) -> dict[int, list[float]]:
    return {n: CURVES[n] for n in range(4 * index, 4 * index + 4)}


def test_the_median_of_optuna_spares_the_first_cohort_and_judges_later_ones_by_it():
    pruner = OptunaPruner("MedianPruner", {"n_startup_trials": 4})
    first = raced(pruner, cohort_of(0), 0)
    assert {r.state for r in first} == {"COMPLETE"}
    pruner.learn(first)
    second = {r.number: r for r in raced(pruner, cohort_of(1), 1)}
    median = sorted(CURVES[n][-1] for n in range(4))[1:3]
    for n, result in second.items():
        worse = CURVES[n][-1] > sum(median) / 2
        assert result.state == ("PRUNED" if worse else "COMPLETE")


@pytest.mark.parametrize("kind", ["MedianPruner", "SuccessiveHalvingPruner", "HyperbandPruner"])
def test_a_pruner_told_of_the_past_goes_on_as_one_that_saw_it(kind: str):
    arguments = {"min_resource": 1} if kind == "SuccessiveHalvingPruner" else {}
    witness = OptunaPruner(kind, arguments)
    told = []
    for cohort in range(2):
        told.append(raced(witness, cohort_of(cohort), cohort))
        witness.learn(told[-1])
    heir = OptunaPruner(kind, arguments)
    for results in told:
        heir.learn(results)
    assert raced(heir, cohort_of(2), 2) == raced(witness, cohort_of(2), 2)


def test_reports_are_evenly_spaced_and_few():
    assert OptunaPruner("NopPruner").rule(0).rungs(4) == [1, 2, 3]
    rungs = OptunaPruner("NopPruner").rule(0).rungs(1000)
    assert rungs == list(range(50, 1000, 50))
