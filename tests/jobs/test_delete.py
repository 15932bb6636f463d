"""A study is deleted whole, and nothing else with it; what is cut short is done by the next."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import free_port
from tests.jobs.conftest import Command
from tuner import keeping
from tuner.processes.lock import owned

TRACKED = ("tracking=mlflow", "budget.trials=2", "budget.epochs=2")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Two tracked studies; each test deletes one of its own."""
    command = Command(tmp_path_factory.mktemp("deleted") / "mlruns")
    for name in ("one", "other"):
        assert command.call(f"study.name={name}", *TRACKED).code == 0
    return command


def runs(command: Command) -> dict[str, int]:
    """How many runs MLflow's pages show of each study."""
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    found = [r.data.tags["tuner.study"] for r in client.search_runs([experiment.experiment_id])]
    return {name: found.count(name) for name in set(found)}


def test_a_study_is_deleted_whole_after_a_crash_as_well(
    made: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.folder("one"), made.folder("copy"))
    told = made.call("delete", "copy", "tracking=mlflow", "yes=true")
    assert told.code == 0, told
    assert not made.folder("copy").exists()
    assert runs(made) == {"one": 3, "other": 3}

    def broken(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(keeping, "empty", broken)
        assert made.call("delete", "one", "tracking=mlflow", "yes=true").code == 1
    assert made.folder("one").exists()
    told = made.call("delete", "one", "tracking=mlflow", "yes=true")
    assert told.code == 0, told
    assert not made.folder("one").exists()
    assert runs(made) == {"other": 3}
    client = MlflowClient(f"sqlite:///{made.root / 'mlflow.db'}")
    left = client.search_logged_models(["1"])
    assert [Path(m.artifact_location).parent.name for m in left] == [
        path.name for path in (made.root / "artifacts" / "models").iterdir()
    ]
    assert len(left) == 1
    assert made.call("show", "other").code == 0


def test_nothing_is_deleted_without_an_answer_or_from_under_its_owner(made: Command) -> None:
    told = made.call("delete", "other", "tracking=mlflow")
    assert told.code == 2
    assert "yes=true" in told.err
    with owned(made.folder("other")):
        assert made.call("delete", "other", "tracking=mlflow", "yes=true").code == 75
    assert made.call("delete", "othr", "yes=true").code == 2
    assert runs(made)["other"] == 3
    assert (made.folder("other") / "result.json").exists()


def test_a_server_that_is_away_leaves_the_folder_and_says_so(made: Command) -> None:
    away = f"tracking.uri=http://127.0.0.1:{free_port()}"
    told = made.call("delete", "other", "tracking=mlflow", away, "yes=true")
    assert told.code == 1
    (line,) = told.err.splitlines()
    assert "tracking=none" in line
    assert (made.folder("other") / "result.json").exists()


def test_a_study_without_tracking_is_deleted(command: Command) -> None:
    assert command.call("budget.trials=2", "budget.epochs=2").code == 0
    assert command.call("delete", "study", "yes=true").code == 0
    assert not command.folder().exists()
