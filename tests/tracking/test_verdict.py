"""Promises of what MLflow says of a study: its winner, live points, and one value a step."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.jobs.conftest import Command
from tests.study.conftest import FunctionTraining, loop_of, study_of
from tests.tracking.test_tracker import Kept
from tuner.processes.deadline import Deadline
from tuner.report.note import escaped
from tuner.study.events import TrialsEnded, tell_all
from tuner.study.journal import JournalRecord
from tuner.tracking.records import Points, RunBegins
from tuner.tracking.tracker import Tracker

STUDY = ("+experiment=adam", "tracking=mlflow", "metric=accuracy", "budget.trials=6")


class Seen:
    """The runs of the one study in a root."""

    def __init__(self, root: Path) -> None:
        self.client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
        experiment = self.client.get_experiment_by_name("tuner")
        assert experiment is not None
        runs = list(self.client.search_runs([experiment.experiment_id]))
        (self.parent,) = [r for r in runs if "tuner.trial" not in r.data.tags]
        self.children = [r for r in runs if r is not self.parent]

    def twice(self) -> Iterator[tuple[str, str, int]]:
        """Which steps of which curves have two values."""
        for run in [self.parent, *self.children]:
            for name in run.data.metrics:
                points = self.client.get_metric_history(run.info.run_id, name)
                steps = [point.step for point in points]
                yield from ((run.info.run_name, name, s) for s in steps if steps.count(s) > 1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A finished study; a test that changes it goes on from what the last one left."""
    command = Command(tmp_path_factory.mktemp("verdict") / "mlruns")
    told = command.call(*STUDY)
    assert told.code == 0, told.err
    return command


def check(command: Command) -> Run:
    """That the study's run says what the result says, and nothing twice."""
    seen, result = Seen(command.root), command.result("adam")
    data, winner = seen.parent.data, result["winner"]
    curve = f"confirmed_{result['goal']['curve']}"
    assert data.tags["tuner.winner"] == str(winner["number"])
    for name, end in (("value", ""), ("low", "_low"), ("high", "_high")):
        assert float(data.tags[f"tuner.winner.{name}"]) == winner[name]
        assert data.metrics[curve + end] == winner[name]
    assert winner["low"] <= winner["value"] <= winner["high"]
    for path in result["searched"]:
        if path in winner["settings"]:
            assert float(data.params[f"winner.{path}"]) == winner["settings"][path]
    assert f"winner is trial {winner['number']}" in data.tags["mlflow.note.content"]
    assert list(seen.twice()) == []
    return seen.parent


@pytest.mark.slow
def test_the_study_names_its_winner_and_pruned_trials_are_no_failures(study: Command) -> None:
    parent, states = check(study), study.states("adam")
    note = parent.data.tags["mlflow.note.content"]
    assert f"get-artifact?path=loss_curves.png&run_uuid={parent.info.run_id}" in note
    assert "python -m tuner +best=adam" in note
    assert "| trial |" in note
    for run in Seen(study.root).children:
        state = states[int(run.data.tags["tuner.trial"])]
        assert run.info.status == "FINISHED", state
        rate = float(run.data.params["optimizer.adam.lr"])
        assert run.info.run_name == f"{int(run.data.tags['tuner.trial']):03d} adam lr={rate:.3g}"
        assert "batch_size" not in run.data.params
    assert "batch_size" in parent.data.params
    assert parent.data.tags["tuner.trials.pruned"] == str([*states.values()].count("PRUNED"))


@pytest.mark.slow
def test_a_confirmation_later_changes_nothing_of_the_study_and_writes_no_step_twice(
    study: Command,
) -> None:
    before = check(study).data
    for _ in range(2):
        told = study.call("job=confirm", "study.name=adam", "confirm.seeds=4", "tracking=mlflow")
        assert told.code == 0, told.err
        assert "stays as it is: the saved model and the test score are those of trial" in told.out
        assert "confirm.seeds=4 to the command that ran the study" in told.out
    after = check(study).data
    assert (after.metrics, after.params) == (before.metrics, before.params)
    names = {name for run in Seen(study.root).children for name in run.data.metrics}
    assert "confirmed_validation_accuracy_4_choosing_seeds" in names
    assert study.call("job=doctor", "study.name=adam", "tracking=mlflow").code == 0


@pytest.mark.slow
def test_a_new_verdict_takes_the_place_of_the_old_one_and_the_doctor_finds_a_wrong_winner(
    study: Command,
) -> None:
    for more in (("confirm.seeds=4",), ("confirm.seeds=3",), ("budget.trials=8",)):
        assert study.call(*STUDY, *more).code == 0
        check(study)
    parent = Seen(study.root).parent
    Seen(study.root).client.set_tag(parent.info.run_id, "tuner.winner", "77")
    doctor = ("job=doctor", "study.name=adam", "tracking=mlflow")
    assert "tuner.winner" in study.call(*doctor).out
    assert study.call("job=republish", *doctor[1:]).code == 0
    assert study.call(*doctor).code == 0
    check(study)


def test_trials_have_points_before_their_cohort_ends_and_none_twice(tmp_path: Path) -> None:
    kept, time, before_end = Kept(), [0.0], list[int]()

    def slow(epoch: int) -> None:
        time[0] += 3.0

    training = FunctionTraining(before=slow)
    tracker = Tracker(
        kept, Deadline(), RunBegins(None, "study", 0), training.goal, clock=lambda: time[0]
    )  # type: ignore[arg-type]

    def count(event: object) -> None:
        if isinstance(event, TrialsEnded):
            own = [r for r in kept.records if isinstance(r, Points) and r.number is not None]
            before_end.append(max(step for r in own for step in r.steps))

    with JournalRecord(tmp_path, "function") as record:
        study = study_of(record)
        loop_of(study, training, tell_all([count, tracker])).run()
        curves = dict(study.curves())
    assert before_end == [training.epochs, training.epochs]
    for number, own in curves.items():
        told = [r for r in kept.records if isinstance(r, Points) and r.number == number]
        for name, values in own.items():
            assert [v for r in told for v in r.metrics[name]] == values
        assert [s for r in told for s in r.steps] == list(range(len(values)))


def test_text_of_strangers_is_text_in_a_note() -> None:
    assert escaped("<b>x</b> | a_b @me [l](u) `c`\n# d") == (
        "&lt;b&gt;x&lt;/b&gt; &#124; a_b &#64;me &#91;l&#93;(u) &#96;c&#96; &#35; d"
    )
    assert json.dumps(escaped("\x1b[2J")).isascii()
