"""The record is the truth: what MLflow has lost, has twice or has otherwise is mended from it."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from tests.conftest import free_port
from tests.jobs.conftest import TWO_OPTIMIZERS, Command
from tuner.processes.lock import owned

pytestmark = pytest.mark.slow

STUDY = ("study.name=adam", "tracking=mlflow")


def forget() -> None:
    """Opens databases anew, as another process would: MLflow stays with files that are gone."""
    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()


class Kept:
    """What MLflow has of the one study in a root."""

    def __init__(self, root: Path) -> None:
        forget()
        self.root, self.database = root, root / "mlflow.db"
        self.client = MlflowClient(f"sqlite:///{self.database}")
        experiment = self.client.get_experiment_by_name("tuner")
        assert experiment is not None
        self.experiment = experiment.experiment_id
        self.runs: dict[int, Run] = {
            int(run.data.tags.get("tuner.trial", -1)): run
            for run in self.client.search_runs([self.experiment])
            if run.data.tags["tuner.state"] not in ("DUPLICATE", "UNKNOWN")
        }

    def told(self) -> dict[int, Any]:
        """All that may not differ from one telling to another."""
        return {
            number: (
                run.info.status,
                run.info.start_time,
                run.info.run_name,
                run.data.params,
                {
                    # The note's pictures are of the run, which is another one when it is made anew.
                    key: value.replace(run.info.run_id, "")
                    for key, value in run.data.tags.items()
                    if key != "mlflow.parentRunId"
                },
                {metric: self.points(run, metric) for metric in run.data.metrics},
                sorted(file.path for file in self.client.list_artifacts(run.info.run_id)),
            )
            for number, run in self.runs.items()
        }

    def points(self, run: Run, metric: str) -> list[tuple[int, int, float]]:
        history = self.client.get_metric_history(run.info.run_id, metric)
        return sorted((p.step, p.timestamp, p.value) for p in history)

    def change(self, sql: str, number: int) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            assert connection.execute(sql, [self.runs[number].info.run_id]).rowcount > 0

    def another(self, number: str) -> None:
        tags = {k: v for k, v in self.runs[0].data.tags.items() if k.startswith("tuner.")}
        tags |= {"tuner.trial": number, "tuner.state": "RUNNING"}
        self.client.create_run(self.experiment, tags=tags)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A finished study; whoever spoils what MLflow has of it repairs it."""
    command = Command(tmp_path_factory.mktemp("whole") / "mlruns")
    assert command.call(*TWO_OPTIMIZERS, "tracking=mlflow").code == 0
    return command


def spoil_file(kept: Kept) -> None:
    place = kept.runs[-1].info.artifact_uri
    assert place is not None
    Path(place, "result.json").unlink()


def spoil_spool(kept: Kept) -> None:
    line = json.dumps({"type": "Points", "number": 0, "steps": [9], "metrics": {"late": [1.0]}})
    (kept.root / "studies" / "adam" / "spool" / "00000099.jsonl").write_text(f"{line}\n")


SPOILED: dict[str, Callable[[Kept], None]] = {
    "trial 2: has 0 runs in MLflow": lambda k: k.client.delete_run(k.runs[2].info.run_id),
    "study: has 0 runs in MLflow": lambda k: k.client.delete_run(k.runs[-1].info.run_id),
    "trial 3: has 2 runs in MLflow": lambda k: k.another("3"),
    "trial 99: has a run in MLflow, the record has no such trial": lambda k: k.another("99"),
    "trial 1: it is RUNNING, and no process": lambda k: k.client.update_run(
        k.runs[1].info.run_id, status="RUNNING"
    ),
    "trial 0: train_loss lacks 1 point": lambda k: k.change(
        "DELETE FROM metrics WHERE key = 'train_loss' AND step = 3 AND run_uuid = ?", 0
    ),
    "trial 0: train_loss differs from the curve on record": lambda k: k.change(
        "UPDATE metrics SET value = 7 WHERE key = 'train_loss' AND step = 3 AND run_uuid = ?", 0
    ),
    "trial 1: optimizer is none, on record sgd": lambda k: k.change(
        "UPDATE params SET value = 'none' WHERE key = 'optimizer' AND run_uuid = ?", 1
    ),
    "trial 1: 1 param missing: optimizer": lambda k: k.change(
        "DELETE FROM params WHERE key = 'optimizer' AND run_uuid = ?", 1
    ),
    "trial 1: 1 tag missing: tuner.advice": lambda k: k.change(
        "DELETE FROM tags WHERE key = 'tuner.advice' AND run_uuid = ?", 1
    ),
    "trial 0: its state is FAILED (FINISHED), on record": lambda k: k.client.set_tag(
        k.runs[0].info.run_id, "tuner.state", "FAILED"
    ),
    "study: 1 file missing or old: result.json": spoil_file,
    "study: the model is missing": lambda k: k.client.delete_logged_model(
        k.client.search_logged_models([k.experiment])[0].model_id
    ),
    "spool: 1 record waits for MLflow": spoil_spool,
    "mlflow.db: it is not there": lambda k: k.database.unlink(),
    "mlflow.db: file is not a database": lambda k: k.database.write_text("no database"),
}


@pytest.mark.parametrize("finding", SPOILED)
def test_what_is_spoiled_is_found_repaired_and_then_whole(finding: str, whole: Command) -> None:
    assert whole.call("job=doctor", *STUDY).out == "Study adam, 8 trials: whole.\n"
    SPOILED[finding](Kept(whole.root))
    forget()
    found = whole.call("job=doctor", *STUDY)
    assert found.code == 1
    assert finding in found.out
    assert whole.call("job=doctor", *STUDY).out == found.out
    fixed = whole.call("job=doctor", "fix=true", *STUDY)
    assert fixed.code == 0, fixed.out
    assert "Repaired: " in fixed.out
    assert fixed.out.endswith("Study adam, 8 trials: whole.\n")
    assert whole.call("job=doctor", *STUDY).code == 0


@pytest.mark.parametrize("again", ["republish", "tune"])
def test_a_deleted_database_is_filled_from_the_record(again: str, whole: Command) -> None:
    kept, result = Kept(whole.root), whole.result("adam")
    before = kept.told()
    kept.database.unlink()
    forget()
    settings = STUDY if again == "republish" else (*TWO_OPTIMIZERS, "tracking=mlflow")
    told = whole.call(f"job={again}", *settings)
    assert told.code == 0, told.err
    after = Kept(whole.root)
    assert after.told() == before
    assert whole.result("adam") == result
    page = json.loads((whole.folder("adam") / "result.json").read_text())["run"]["curves"]
    assert after.runs[-1].info.run_id in page
    done = whole.call("job=republish", *STUDY)
    assert done.out == "Study adam in MLflow: nothing was missing.\n"


@pytest.mark.parametrize("spoil", [Path.unlink, Path.touch, lambda file: file.write_text("?")])
def test_a_study_that_goes_on_without_its_database_loses_nothing(
    spoil: Callable[[Path], object], command: Command
) -> None:
    small = ("study.name=adam", "tracking=mlflow", "confirm.top=0")
    assert command.call(*small, "budget.trials=4").code == 0
    database = command.root / "mlflow.db"
    if spoil is Path.touch:
        database.unlink()
    spoil(database)
    told = command.call(*small, "budget.trials=6")
    assert told.code == 0, told.err
    assert told.err.count("is damaged") == (spoil is not Path.unlink)
    assert Kept(command.root).runs.keys() == {-1, *range(6)}
    assert command.call("job=doctor", *STUDY).out == "Study adam, 6 trials: whole.\n"


def test_a_finished_study_whose_database_is_damaged_anywhere_is_told_again(
    command: Command,
) -> None:
    small = ("study.name=adam", "tracking=mlflow", "confirm.top=0", "budget.trials=4")
    assert command.call(*small).code == 0
    database = command.root / "mlflow.db"
    whole = bytearray(database.read_bytes())
    with closing(sqlite3.connect(database)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'metrics'")
        ((size,),) = connection.execute("PRAGMA page_size")
    whole[(page - 1) * size : page * size] = b"\xff" * size
    database.write_bytes(whole)
    told = command.call(*small)
    assert told.code == 0, told.err
    assert told.err.count("is damaged") == 1
    assert Kept(command.root).runs.keys() == {-1, *range(4)}
    assert command.call("job=doctor", *STUDY).out == "Study adam, 4 trials: whole.\n"


def test_garbage_in_the_spool_is_one_line_and_costs_nothing(command: Command) -> None:
    small = ("study.name=adam", "tracking=mlflow", "confirm.top=0")
    assert command.call(*small, "budget.trials=4").code == 0
    (command.folder("adam") / "spool" / "00000050.jsonl").write_bytes(b"\xff\x00\n{}\nwhat?\n")
    told = command.call(*small, "budget.trials=4")
    assert told.code == 0
    (line,) = [line for line in told.err.splitlines() if "spool" in line]
    assert "3 lines are damaged: left out" in line
    assert command.call("job=doctor", *STUDY).out == "Study adam, 4 trials: whole.\n"


def test_a_study_that_was_not_tracked_can_be_published(command: Command) -> None:
    assert command.call("study.name=adam", "confirm.top=0").code == 0
    untracked = command.call("job=doctor", "study.name=adam")
    assert untracked.out == (
        "Study adam, 6 trials: whole; tracking=none: MLflow was not checked.\n"
    )
    database = f"tracking.uri=sqlite:///{command.root / 'mlflow.db'}"
    assert command.call("job=republish", *STUDY, database).code == 0
    kept = Kept(command.root)
    assert kept.runs.keys() == {-1, *range(6)}
    assert [m.status for m in kept.client.search_logged_models([kept.experiment])] == ["READY"]
    assert command.call("job=doctor", *STUDY, database).code == 0


def test_a_study_that_another_process_is_at_work_on_is_left_alone(whole: Command) -> None:
    with owned(whole.folder("adam")):
        for job in ("doctor", "republish"):
            told = whole.call(f"job={job}", "fix=true", *STUDY)
            assert told.code == 75
            assert "is at work" in told.err


@pytest.mark.parametrize("job", ["doctor", "republish"])
def test_where_mlflow_cannot_be_reached_one_line_says_so(job: str, whole: Command) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    told = whole.call(f"job={job}", f"tracking.uri={away}", *STUDY)
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert line.startswith(f"tuner: tracking.uri: {away}: ")


@pytest.mark.parametrize("job", ["doctor", "republish"])
def test_a_study_without_its_record_cannot_be_told(job: str, whole: Command) -> None:
    copy = whole.folder("copy")
    copy.mkdir()
    shutil.copy(whole.folder("adam") / "config.yaml", copy)
    told = whole.call(f"job={job}", "study.name=copy", "tracking=mlflow")
    assert (told.code, told.err) == (
        2,
        f"tuner: study.name: copy: its record is gone: there is no {copy / 'optuna.journal'}\n",
    )
    shutil.rmtree(copy)
    assert "no such study" in whole.call(f"job={job}", "study.name=copy").err


def test_other_data_and_damaged_checkpoints_are_found(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    rows = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(60))
    table.write_text("a,b,odd\n" + rows)
    data = ("data=csv", f"data.path={table}", "data.target=odd", "study.name=adam")
    assert command.call(*data, "confirm.top=0", "budget.trials=4").code == 0
    assert command.call("job=doctor", "study.name=adam").code == 0
    (command.folder("adam") / "checkpoints" / "00000003").mkdir(parents=True)
    table.write_text("a,b,odd\n" + rows.replace("59,", "60,"))
    told = command.call("job=doctor", "study.name=adam")
    assert told.code == 1
    damaged, changed, _ = told.out.splitlines()
    assert "is not what study adam was begun with" in changed
    assert damaged == "checkpoint 00000003: is damaged: the next command moves it away"
    table.unlink()
    assert str(table) in command.call("job=doctor", "study.name=adam").out
