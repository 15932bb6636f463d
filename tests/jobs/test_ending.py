"""What counts, who is pruned and what ends a study: each is said, and survives a second command."""

import json

import pytest

from tests.jobs.conftest import Command

pytestmark = pytest.mark.slow

MANY = ("budget.trials=200", "budget.epochs=6")


def stopped(command: Command, study: str = "study") -> str:
    reason: str = command.result(study)["stopped"]
    return reason


def test_a_study_stops_when_a_trial_reaches_the_target(command: Command) -> None:
    told = command.call(*MANY, "metric=accuracy", "target=0.6")
    assert told.code == 0, told.err
    best = command.result()["best"]
    assert best["scores"]["validation_accuracy"] >= 0.6
    assert best["value"] == best["scores"]["validation_accuracy"]
    assert stopped(command).startswith(f"target: trial {best['number']} reached accuracy")
    assert f"Why it stopped: {stopped(command)}." in told.out
    assert "finished: target" in command.call(*MANY, "metric=accuracy", "target=0.6").out
    assert command.call(*MANY, "metric=accuracy", "target=0.7").code == 0


def test_a_study_stops_when_all_its_trials_have_trained_so_many_epochs(command: Command) -> None:
    told = command.call(*MANY, "budget.epochs_total=50")
    assert told.code == 0, told.err
    assert stopped(command) == "budget.epochs_total: the trials have trained 50 epochs"
    epochs = sum(s["epochs"] for s in command.result()["all"])
    assert 50 <= epochs < 50 + 4
    assert "finished: budget.epochs_total" in command.call(*MANY, "budget.epochs_total=50").out


def test_a_study_stops_when_seeds_differ_by_more_than_trials_bring(command: Command) -> None:
    """Eight rates that make no difference: the noise of five seeds is larger."""
    rates = "optimizer.adam.lr={low: 0.0100, high: 0.0101}"
    fixed = ("optimizer.adam.beta1=0.9", "optimizer.adam.beta2=0.999")
    told = command.call(*MANY, rates, *fixed, "stop.when_noise=true", "pruner=none")
    assert told.code == 0, told.err
    assert stopped(command).startswith("stop.when_noise: as many trials again should gain at most")
    assert 16 <= sum(command.result()["trials"].values()) < 24


def test_a_study_whose_seeds_do_not_differ_goes_on(command: Command) -> None:
    """A parabola has no seeds, so any gain is more than the noise."""
    parabola = ("data=none", "model=quadratic", "optimizer=sgd", "sampler=random", "pruner=none")
    told = command.call(*parabola, "stop.when_noise=true", "budget.trials=20")
    assert told.code == 0, told.err
    assert stopped(command) == "all 20 trials are done"


def test_folds_take_turns_and_the_winner_is_trained_on_all_of_them(command: Command) -> None:
    told = command.call("data.folds=3", "tracking=none")
    assert told.code == 0, told.err
    best = command.result()["best"]
    assert [fold for _, fold, _ in best["members"]] == [0, 1, 2]
    mean = sum(loss for _, _, loss in best["members"]) / 3
    assert best["validation_loss"] == pytest.approx(mean)
    assert "mean of 3 folds" in told.out
    assert command.result()["test"]


@pytest.mark.parametrize(
    "pruner",
    [
        ("pruner=hyperband",),
        ("pruner=optuna",),
        ("pruner=optuna", "pruner.kind=SuccessiveHalvingPruner"),
        ("pruner=optuna", "pruner.kind=PercentilePruner", "pruner.arguments={percentile: 25.0}"),
    ],
)
def test_a_pruner_of_any_kind_ends_alike_in_pieces_and_in_one(
    pruner: tuple[str, ...], command: Command
) -> None:
    for trials in (8, 16):
        told = command.call(*pruner, "study.name=pieces", f"budget.trials={trials}")
        assert told.code == 0, told.err
    command.call(*pruner, "study.name=whole", "budget.trials=16")
    if "hyperband" not in pruner[0]:
        assert command.result("pieces")["all"] == command.result("whole")["all"]
    assert "PRUNED" in command.states("whole").values()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("metric=accurracy",), "metric: accurracy: did you mean accuracy"),
        (("metric=r2",), "metric: r2: does not fit"),
        (
            ("data=none", "model=quadratic", "metric=accuracy"),
            "metric: accuracy: the only metric of a function is its loss",
        ),
        (("target=high",), "target: 'high': must be a number"),
        (("budget.epochs_total=0",), "budget.epochs_total: 0: must be at least 1"),
        (("pruner=hyperband", "study.cohort=1"), "study.cohort: 1: hyperband compares"),
        (("pruner=optuna", "pruner.kind=Median"), "pruner.kind: Median: "),
        (("pruner=optuna", "pruner.arguments={a: 1}"), "pruner.arguments.a: is unknown"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_written(
    settings: tuple[str, ...], said: str, command: Command
) -> None:
    told = command.call(*settings)
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert line.startswith(f"tuner: {said}")
    assert not command.root.exists()


def test_the_label_of_each_trial_and_its_evidence_are_on_record(command: Command) -> None:
    command.call("budget.trials=8")
    told = json.loads((command.folder() / "result.json").read_text())["result"]
    for trial in told["all"]:
        assert trial["label"]
        assert trial["evidence"]
        assert trial["advice"]
