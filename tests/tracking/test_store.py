"""The store is created once and whole, by however many processes, and its pages can be found."""

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import UserError
from tuner.tracking import Store


def _open(root: Path) -> None:
    client = Store(root).open()
    Store(root).experiment(client, "digits")


@pytest.mark.slow
def test_three_processes_may_create_the_same_store_at_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_open, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    client = Store(tmp_path).open()
    assert {each.name for each in client.search_experiments()} == {"Default", "digits"}


def test_a_store_half_made_by_a_killed_process_is_made_anew(prepared_store):
    client = Store(prepared_store).open()
    assert [each.name for each in client.search_experiments()] == ["Default"]
    assert {file.name for file in prepared_store.iterdir()} == {"mlflow.db", "mlflow.lock"}


def test_a_store_in_another_folder_has_the_default_experiment_of_its_own_folder(
    tmp_path, monkeypatch
):
    for name in ("one", "another"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        default = Store(folder).open().get_experiment("0")
        assert Path(default.artifact_location).is_relative_to(folder)


def test_the_pages_are_served_by_few_processes(tmp_path):
    argv, env = Store(tmp_path).ui_command(port=5001)
    assert " ".join(argv[1:]) == (
        f"-m mlflow ui --workers 1 --port 5001 --backend-store-uri sqlite:///{tmp_path}/mlflow.db"
    )
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_a_server_serves_its_own_pages(tmp_path):
    store = Store(tmp_path, "http://mlflow.example:8080/")
    with pytest.raises(UserError, match="example:8080/ is a server"):
        store.ui_command()
    link = store.curves_link("1", "abc", "val_loss")
    assert link.startswith("http://mlflow.example:8080/#/experiments/1/runs?searchFilter=tags.")


def test_the_link_opens_the_children_of_the_parent_with_the_best_first(tmp_path):
    assert Store(tmp_path).curves_link("1", "abc", "val_loss") == (
        "http://127.0.0.1:5000/#/experiments/1/runs"
        "?searchFilter=tags.mlflow.parentRunId%20%3D%20%27abc%27"
        "&orderByKey=metrics.%60val_loss%60&orderByAsc=true"
        "&compareRunsMode=CHART&workflowType=machine_learning"
    )


def test_importing_the_wing_is_cheap():
    code = (
        "import sys, tuner.tracking\n"
        "assert not {'mlflow', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
