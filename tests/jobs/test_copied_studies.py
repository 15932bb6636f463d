"""Promises about a folder that is a stranger's: nothing in it is followed, sent or imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.jobs.conftest import PROJECT, Command, Ended
from tuner.config.messages import shown
from tuner.errors import masked
from tuner.files import check_own
from tuner.tracking.records import Artifact, Model, RunBegins, from_line, to_line
from tuner.tracking.store import Store
from tuner.tracking.uploader import deliver

SECRET = "secret of another folder"

# What tuner writes under the folder of a study, and where it reads.
PLACES = [
    *("config.yaml", "config.yaml.new", "result.json", "result.json.new", "owner.json", "lock"),
    *("optuna.journal", "optuna.journal.damaged", "crash.log", "loss_curves.png", "spool/lock"),
    *("new.loss_curves.png", "spool/00000001.jsonl", "checkpoints/new/race.json"),
    *("model/model.skops", "model/example.npy", "range/range.yaml", "range/result.json"),
    *("comparison.json", "confirmation.json", "spool", "checkpoints", "model", "range"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a study that a stranger made."""
    root = tmp_path_factory.mktemp("theirs") / "mlruns"
    assert Command(root).call("tracking=none", "confirm.top=0").code == 0
    return root


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Command:
    """A copy of it."""
    command = Command(tmp_path / "mlruns")
    subprocess.run(["cp", "-r", str(finished), str(command.root)], check=True)
    return command


def refused(told: Ended, *words: str) -> None:
    """Checks that a command was refused in one line with these words."""
    assert told.code == 2, told
    (line,) = told.err.splitlines()
    assert all(word in line for word in words), line


JOBS = ["confirm", "doctor", "republish", "range_test"]


@pytest.mark.parametrize(
    ("job", "place"),
    [*(("tune", place) for place in PLACES), *((job, PLACES[i]) for i, job in enumerate(JOBS))],
)
def test_a_link_in_a_study_is_refused_and_its_target_stays_as_it_is(
    job: str, place: str, copied: Command, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_text(SECRET)
    link = copied.folder() / place
    if link.is_dir():
        subprocess.run(["rm", "-r", str(link)], check=True)
        target.unlink()
        target.mkdir()
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    told = copied.call(f"job={job}", "tracking=none", "budget.trials=9")
    refused(told, str(link), "link")
    assert SECRET not in told.out + told.err
    assert not target.is_file() or target.read_text() == SECRET
    assert not target.is_dir() or list(target.iterdir()) == []


def test_a_folder_may_be_a_link_itself_and_may_hold_no_pipe(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "within").mkdir(parents=True)
    (tmp_path / "link").symlink_to(own)
    check_own(tmp_path / "link")
    check_own(tmp_path / "nowhere")
    os.mkfifo(own / "within" / "pipe")
    with pytest.raises(Exception, match="neither a file nor a folder"):
        check_own(own)


@pytest.mark.parametrize("job", ["confirm", "doctor", "republish"])
def test_no_server_is_taken_from_the_folder_of_a_study(job: str, copied: Command) -> None:
    config = copied.folder() / "config.yaml"
    plain = yaml.safe_load(config.read_text())
    plain["tracking"] = {"name": "mlflow", "uri": "http://127.0.0.1:9"}
    config.write_text(yaml.safe_dump(plain))
    before = {path: path.read_bytes() for path in copied.root.rglob("*") if path.is_file()}
    told = copied.call(f"job={job}", "tracking=mlflow")
    refused(told, "tracking.uri", "http://127.0.0.1:9", "tracking=none")
    after = {path: path.read_bytes() for path in copied.root.rglob("*") if path.is_file()}
    assert before == after


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", "not: [yaml"),
        ("config.yaml", "[" * 3000),
        ("config.yaml", "- a\n- b\n"),
        ("config.yaml", "study: 3\n"),
        ("config.yaml", "a: &a [*a]\n"),
        ("config.yaml", "study: {name: !!python/object/apply:os.system [ls]}\n"),
        ("config.yaml", "\x00"),
    ],
)
def test_a_config_that_is_none_is_named_in_one_line(name: str, text: str, copied: Command) -> None:
    (copied.folder() / name).write_text(text)
    refused(copied.call("job=confirm", "tracking=none"), name)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "3", '{"result": {}}', "\x00"])
@pytest.mark.parametrize("name", ["result.json", "owner.json"])
def test_a_file_that_is_no_result_is_made_anew(name: str, text: str, copied: Command) -> None:
    file = copied.folder() / name
    before = file.read_text() if file.exists() else None
    file.write_text(text)
    told = copied.call("tracking=none", "confirm.top=0")
    assert told.code == 0, told
    if before is not None:
        assert json.loads(file.read_text())["result"] == json.loads(before)["result"]
    else:
        assert not file.exists()


def test_a_result_that_names_trials_it_has_not_is_made_anew(copied: Command) -> None:
    file = copied.folder() / "result.json"
    before = json.loads(file.read_text())
    file.write_text(json.dumps(before | {"result": before["result"] | {"all": []}}))
    assert copied.call("tracking=none", "confirm.top=0").code == 0
    assert json.loads(file.read_text())["result"] == before["result"]


def test_only_files_of_the_study_itself_are_sent(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "root"), tmp_path / "study"
    (folder / "spool").mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    (folder / "link.txt").symlink_to(secret)
    lines = [
        RunBegins(None, "study", 1),
        Artifact(None, str(folder / "mine.txt")),
        Artifact(None, str(secret)),
        Artifact(None, str(folder / "spool" / ".." / ".." / "secret.txt")),
        Artifact(None, str(folder / "link.txt")),
        Model(None, str(tmp_path), "model"),
    ]
    spool = folder / "spool" / "00000001.jsonl"
    spool.write_text("".join(map(to_line, lines)))
    names = {"project": "p", "study": "s", "key": "k"}
    about = {"root": str(store.root), "uri": store.uri, "spool": str(folder / "spool"), **names}
    (answer,) = deliver(about, [str(spool)])
    assert answer["error"] is None
    assert answer["torn"] == 4
    sent = [path.name for path in (store.root / "artifacts").rglob("*.txt")]
    assert sent == ["mine.txt"]


HOSTILE = "open({marker!r}, 'a').write(__name__ + chr(10))\nraise ImportError('hostile')\n"


@pytest.mark.parametrize("settings", [("budget.trials=2",), ("job=ui",)], ids=["tune", "ui"])
def test_no_file_of_the_current_folder_is_imported(
    settings: tuple[str, ...], tmp_path: Path
) -> None:
    here, marker, root = tmp_path / "here", tmp_path / "marker", tmp_path / "mlruns"
    done = Command(root).call("budget.trials=1", "confirm.top=0", "tracking=mlflow")
    assert done.code == 0
    here.mkdir()
    names = "filelock mlflow numpy yaml optuna hydra json tempfile numba sklearn skops uvicorn"
    for name in names.split():
        (here / f"{name}.py").write_text(HOSTILE.format(marker=str(marker)))
    plugin = here / "hydra_plugins"
    plugin.mkdir()
    (plugin / "mine.py").write_text(HOSTILE.format(marker=str(marker)))
    arguments = Command(root).arguments(settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "tuner", *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=20 if "job=ui" in settings else 120)
        assert process.returncode == 0, err
        assert "winner" in out
    except subprocess.TimeoutExpired:
        assert "job=ui" in settings
        process.terminate()
        process.communicate()
    assert not marker.exists(), marker.read_text()


@pytest.mark.parametrize(
    "uri", ["http://me:pa55@h.x:50/p", "postgresql://me:pa55@h/db", "http://pa55@h"]
)
def test_a_password_is_masked_wherever_a_uri_is_shown(uri: str) -> None:
    assert "pa55" not in masked(f"API request to {uri} failed: {uri}")
    assert "pa55" not in str(shown({"tracking": {"uri": uri}}))
    assert "pa55" not in Store(Path("x"), uri).curves_link("0", "1", "loss")


def test_a_password_is_written_nowhere(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns")
    uri = "http://me:pa55w0rd@127.0.0.1:9"
    told = command.run(f"tracking.uri='{uri}'", "budget.trials=2", "tracking.patience=1")
    assert told.code == 0, told
    assert "pa55w0rd" not in told.out + told.err
    assert "http://***@127.0.0.1:9" in (command.folder() / "config.yaml").read_text()
    for path in command.root.rglob("*"):
        assert not path.is_file() or b"pa55w0rd" not in path.read_bytes(), path
    shown_config = command.run(f"tracking.uri='{uri}'", "--cfg")
    assert "pa55w0rd" not in shown_config.out


@pytest.mark.parametrize("name", ["e f", "ü", "c:d", "a&b=c", "x+y@z", "100$", "[a]"])
def test_a_store_lies_inside_its_root_whatever_that_is_called(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / name)
    client = store.open()
    run = client.create_run(store.experiment(client, "mine"))
    (tmp_path / "artifact.txt").write_text("sent")
    client.log_artifact(run.info.run_id, str(tmp_path / "artifact.txt"))
    assert store.database == tmp_path / name / "mlflow.db"
    assert store.database.exists()
    sent = (tmp_path / name / "artifacts").rglob("*.txt")
    assert [path.name for path in sent] == ["artifact.txt"]
    assert {path.name for path in tmp_path.iterdir()} == {name, "artifact.txt"}


@pytest.mark.parametrize("name", ["q?z", "a%20b", "c#d", "100%"])
def test_a_root_that_mlflow_would_take_for_another_is_refused(name: str, tmp_path: Path) -> None:
    command = Command(tmp_path / name)
    refused(command.call("tracking=mlflow", f"root='{tmp_path / name}'"), "root", name)
    assert list(tmp_path.iterdir()) == []
    assert command.call("tracking=none", f"root='{tmp_path / name}'", "confirm.top=0").code == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_settings_of_libraries_in_the_current_folder_are_not_read(tmp_path: Path) -> None:
    here, command = tmp_path / "here", Command(tmp_path / "mlruns")
    here.mkdir()
    (here / ".numba_config.yaml").write_text("cache_dir: ./theirs\n")
    (here / "matplotlibrc").write_text("text.usetex: True\n")
    done = subprocess.run(
        [sys.executable, "-m", "tuner", *command.arguments(("budget.trials=2", "confirm.top=0"))],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in here.iterdir()) == [".numba_config.yaml", "matplotlibrc"]


@pytest.mark.parametrize(
    "bounds", ["3", '"x"', "[[0]]", '[["a","b"]]', "[[0,1000000000000]]", "[[-5,2]]"]
)
def test_cohorts_that_no_study_writes_name_the_journal(bounds: str, copied: Command) -> None:
    journal = copied.folder() / "optuna.journal"
    line = '{"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {"cohorts": %s}}\n'
    with journal.open("a") as file:
        file.write(line % bounds)
    refused(copied.call("budget.trials=9"), str(journal), "cohorts")


@pytest.mark.parametrize("key", ["config", "data", "queue", "numerics"])
def test_what_a_record_keeps_of_another_kind_names_the_journal(key: str, copied: Command) -> None:
    journal = copied.folder() / "optuna.journal"
    kept = [json.loads(line).get("user_attr", {}) for line in journal.read_text().splitlines()]
    assert any(key in attributes for attributes in kept)
    line = {"op_code": 2, "worker_id": "w", "study_id": 0, "user_attr": {key: [[3]]}}
    with journal.open("a") as file:
        file.write(json.dumps(line) + "\n")
    refused(copied.call("budget.trials=9"), str(journal), key)


def test_a_root_that_was_copied_keeps_its_artifacts_in_itself(tmp_path: Path) -> None:
    theirs, mine = Store(tmp_path / "theirs"), Store(tmp_path / "mine")
    client = theirs.open()
    run = client.create_run(theirs.experiment(client, "tuner"))
    (tmp_path / "theirs").rename(tmp_path / "mine")
    client = mine.open()
    number = mine.experiment(client, "tuner")
    (tmp_path / "file.txt").write_text("mine")
    client.log_artifact(run.info.run_id, str(tmp_path / "file.txt"))
    client.log_artifact(client.create_run(number).info.run_id, str(tmp_path / "file.txt"))
    assert not (tmp_path / "theirs").exists()
    assert len(list((tmp_path / "mine" / "artifacts").rglob("file.txt"))) == 2


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    command, thesis = Command(tmp_path / "mlruns"), tmp_path / "thesis.txt"
    thesis.write_text("my thesis")
    uri = f"tracking.uri=sqlite:///{thesis}"
    refused(command.call("tracking=mlflow", uri, "budget.trials=1"), "tracking.uri", "thesis.txt")
    assert thesis.read_text() == "my thesis"
    assert {path.name for path in tmp_path.iterdir()} <= {"thesis.txt", "mlruns"}


@pytest.mark.parametrize(
    "line",
    [
        *("3", "[]", "{}", "[" * 100_000),
        '{"type": "Artifact", "number": null, "path": 5}',
        '{"type": "Points", "number": [1], "steps": [1], "metrics": [1]}',
        '{"type": "RunEnds", "number": 1, "state": "NOPE", "reason": "", "ended_ms": 1}',
        '{"type": "RunBegins", "number": 1, "name": "x", "started_ms": 1, "params": 3}',
        '{"type": "RunBegins", "number": 1, "name": "\\ud800", "started_ms": 1}',
        f'{{"type": "RunBegins", "number": 1, "name": "x", "started_ms": {10**30}}}',
    ],
)
def test_a_line_of_the_spool_that_is_no_record_is_one(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgresql://me:p@ss/w@h/db", "postgresql://***@h/db"),
        ("http://h/?api_key=abc&x=1", "http://h/?api_key=***&x=1"),
        ("postgresql://h/db?password=abc", "postgresql://h/db?password=***"),
        ("postgresql://me:it's@h/db?PASSWORD=abc", "postgresql://***@h/db?PASSWORD=***"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
        ("http://h:1/#/runs?orderByKey=loss", "http://h:1/#/runs?orderByKey=loss"),
        ("see http://a/b and me@home", "see http://a/b and me@home"),
    ],
)
def test_what_is_secret_in_a_uri_is_masked_and_nothing_else(given: str, expected: str) -> None:
    assert masked(given) == expected
