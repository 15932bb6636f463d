"""A study that an error or a condition cuts short: no run stays open, and the verdict is true."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.jobs.conftest import Command
from tuner.report import verdict
from tuner.search.trials import Goal, Outcome, State, Trial, TrialResult
from tuner.study.loop import Loop
from tuner.study.results import StudyResult, counts, divergences
from tuner.tracking.tracker import Tracker


def ended(number: int, state: State, rate: float) -> TrialResult:
    settings = {"optimizer": "sgd", "optimizer.sgd.lr": rate}
    start = {"validation_loss": 1.0}
    trial = Trial(number, settings, 0)
    return Outcome(trial, state, "", 0, start, {}, {}, None, "", "", "").result()


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["race", "end"])
def test_an_error_leaves_no_run_open_and_its_words_on_record(
    stage: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(Tracker if stage == "end" else Loop, stage, broken)
    few = ("budget.trials=2", "budget.epochs=1", "confirm.top=0", "tracking=mlflow")
    ended = command.call(*few)
    assert ended.code == 1
    line = ended.err.splitlines()[-1]
    log = command.folder() / "crash.log"
    assert line.startswith("tuner: ZeroDivisionError: two lines; its traceback is in")
    assert str(log) in line
    assert "Traceback" in log.read_text()
    assert "Traceback" not in ended.err
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    assert parent.info.status == "FAILED"
    assert parent.data.tags["tuner.reason"] == "ZeroDivisionError: two lines"
    assert "RUNNING" not in {r.info.status for r in runs}


@pytest.mark.parametrize(
    "sampler",
    [
        "tpe",
        pytest.param("random", marks=pytest.mark.slow),
        pytest.param("quasi_random", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_condition_that_leaves_nothing_more_ends_the_study(
    sampler: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One draw a trial, of which the condition refuses half, stands for many, all refused."""
    for module in ("proposals", "samplers.quasi_random", "parzen"):
        monkeypatch.setattr(f"tuner.search.{module}.TRIES", 1)
    monkeypatch.setattr("tuner.search.parzen.PROPOSALS", 0)
    parabola = ("data=none", "model=quadratic", "optimizer=sgd", "pruner=none", "budget.epochs=1")
    rate = ("optimizer.sgd.lr={low: 1e-3, high: 1, scale: log}", "where=['lr < 0.03']")
    startup = ["sampler.startup=2"] if sampler == "tpe" else []
    states = []
    for _ in range(2):
        told = command.call(*parabola, *rate, f"sampler={sampler}", *startup, "budget.trials=60")
        assert told.code == 0, told.err
        assert "`where` leaves nothing more to try" in told.out
        states.append(command.states())
    assert states[0] == states[1]
    assert [*states[0]] == list(range(len(states[0])))
    assert 1 <= len(states[0]) < 60
    assert set(states[0].values()) == {"COMPLETE"}


@pytest.mark.slow
def test_a_task_of_several_labels_has_its_pictures(tmp_path: Path, command: Command) -> None:
    rows = "".join(f"{i % 7},{i % 5},{i % 2},{i % 3 % 2}\n" for i in range(60))
    (tmp_path / "labels.csv").write_text("a,b,odd,third\n" + rows)
    data = ("data=csv", f"data.path={tmp_path / 'labels.csv'}", "data.target=[odd,third]")
    told = command.call(*data, "+data.task=multilabel", "budget.trials=2", "confirm.top=0")
    assert told.code == 0, told.err
    assert (command.folder() / "loss_curves.png").exists()


@pytest.mark.parametrize("other", ["INTERRUPTED", "FAILED"])
def test_every_trial_diverged_whatever_was_stopped_on_the_way(other: State) -> None:
    results = [ended(0, "DIVERGED", 1.0), ended(1, other, 1e-6)]
    study = StudyResult(
        study="s", stopped="", goal=Goal(), trials=counts(results), best=None, confirmation=None,
        winner=None, test=None, divergence=divergences(results), all=tuple(results),
        searched=("optimizer.sgd.lr",), unit="",
    )  # fmt: skip
    assert study.all_diverged
    assert not replace(study, trials=counts(results[1:])).all_diverged
    assert not replace(study, trials={**study.trials, "pruned": 1}).all_diverged
    (first, *_) = verdict.headline(study)
    assert first == "Study s: every trial diverged: try learning rates below 0.1."
