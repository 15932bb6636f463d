"""The store is created once and whole, by however many processes, and its pages can be found."""

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.tracking.conftest import study, trial
from tuner.errors import UserError
from tuner.tracking import Store, links


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
    assert " ".join(argv[1:]) == "-P -m mlflow ui --workers 1 --host 127.0.0.1 --port 5001"
    assert env["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_a_server_serves_its_own_pages(tmp_path):
    store = Store(tmp_path, "http://mlflow.example:8080/")
    with pytest.raises(UserError, match="example:8080/ is a server"):
        store.ui_command(5001)
    link = store.curves_link("1", "abc", "val_loss")
    assert link.startswith("http://mlflow.example:8080/#/experiments/1/runs?searchFilter=tags.")


def test_the_link_opens_the_children_of_the_parent_with_the_best_first(tmp_path):
    assert Store(tmp_path).curves_link("1", "abc", "val_loss") == (
        "#/experiments/1/runs"
        "?searchFilter=tags.mlflow.parentRunId%20%3D%20%27abc%27"
        "&orderByKey=metrics.%60val_loss%60&orderByAsc=true"
        "&compareRunsMode=CHART&workflowType=machine_learning"
    )


def test_a_project_has_a_view_of_its_studies_also_one_that_was_made_before(store):
    client = store.open()
    before = client.create_experiment("before")
    for project in ("new", "before"):
        own = client.get_experiment(store.experiment(client, project))
        kept = json.loads(own.tags[links.VIEW_TAG])
        assert kept["name"] == "Studies"
        assert json.loads(kept["state"])["searchFilter"] == "tags.`tuner.kind` = 'study'"
        assert links.VIEW in links.studies(own.experiment_id, own.tags)
    assert own.experiment_id == before
    assert "searchFilter=tags." in links.studies("1", {})


def test_only_a_study_is_found_as_one_also_where_its_run_is_older(store, open_runs):
    runs = open_runs()
    runs.write(study(trial(0)))
    found = store.open().search_runs([runs.experiment_id], links.STUDIES)
    assert [run.info.run_id for run in found] == [runs.parent_id]
    runs.client.delete_tag(runs.parent_id, links.KIND)
    open_runs()
    assert len(store.open().search_runs([runs.experiment_id], links.STUDIES)) == 1


def test_importing_the_wing_is_cheap():
    code = (
        "import sys, tuner.tracking\n"
        "assert not {'mlflow', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def truncated(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:20_000])


def overwritten(database: Path) -> None:
    with database.open("rb+") as file:
        file.seek(8192)
        file.write(b"no page" * 10_000)


def emptied(database: Path) -> None:
    database.write_bytes(b"")


def replaced(database: Path) -> None:
    database.write_text("no database")


@pytest.mark.parametrize("spoil", [truncated, overwritten, emptied, replaced])
def test_a_damaged_database_is_set_aside_with_one_line_and_made_anew(store, spoil):
    assert store.set_aside_damaged() == ""
    spoil(store.database)
    spoiled = store.database.read_bytes()
    line = store.set_aside_damaged()
    assert line.startswith(f"{store.database} is damaged (")
    assert line.endswith("it is now mlflow.db.damaged, and a new one is made")
    assert (store.root / "mlflow.db.damaged").read_bytes() == spoiled
    assert store.set_aside_damaged() == ""
    assert [each.name for each in store.open().search_experiments()] == ["Default"]


def kill_writing(database: Path) -> None:
    """Leaves the journal of a process that died in the middle of its work."""
    script = (
        "import os, sqlite3, sys\n"
        "own = sqlite3.connect(sys.argv[1])\n"
        "own.execute('PRAGMA cache_size = 1')\n"
        "own.execute('BEGIN')\n"
        "own.execute('DELETE FROM alembic_version')\n"
        "own.execute('CREATE TABLE more (what BLOB)')\n"
        "for _ in range(500): own.execute('INSERT INTO more VALUES (zeroblob(4000))')\n"
        "os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=False)


def test_what_a_kill_left_of_a_database_that_is_gone_does_not_damage_the_new_one(tmp_path):
    store = Store(tmp_path)
    client = store.open()
    for number in range(100):
        client.create_experiment(f"other {number}", tags={"long": "x" * 3000})
    kill_writing(store.database)
    store.database.unlink()
    assert store.database.with_name("mlflow.db-journal").stat().st_size > 0
    store.open()
    assert store.damage() == ""
    assert not store.database.with_name("mlflow.db-journal").exists()


def test_a_database_that_is_written_to_or_was_cut_short_is_not_taken_for_damaged(store):
    with closing(sqlite3.connect(store.database)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM alembic_version")
        assert store.damage() == ""
        writer.execute("ROLLBACK")
    kill_writing(store.database)
    assert store.database.with_name("mlflow.db-journal").stat().st_size > 0
    assert store.damage() == ""
    assert [each.name for each in store.open().search_experiments()] == ["Default"]


def test_what_a_database_has_never_seen_is_known_without_mlflow(store, open_runs):
    assert store.lacks("adam-1", {0, 1}) == {0, 1}
    open_runs().write(study(trial(0)))
    assert store.lacks("adam-1", {0, 1}) == {1}
    assert store.lacks("adam-2", {0}) == {0}
    assert Store(store.root, "http://127.0.0.1:9").lacks("adam-1", {0, 1}) == set()
