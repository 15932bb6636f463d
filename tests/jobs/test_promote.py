"""Promises of a promotion: only what beats the champion takes its place, and nothing is lost."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

from tests.jobs.conftest import Command
from tests.jobs.test_scheduled import night
from tuner.tracking.registry import SEEN
from tuner.tracking.serving import FILE

QUICK = {
    "data": "breast_cancer",
    "metric": "accuracy",
    "model.mlp.hidden": "[8]",
    "budget.trials": "2",
    "budget.epochs": "15",
    "study.cohort": "2",
    "confirm.top": "0",
    "threads": "1",
}
BAD = ("lr=1e-7", "defaults=false")


@pytest.fixture(scope="module")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A root with a good study and one that guesses; copied by whoever changes it."""
    command = Command(tmp_path_factory.mktemp("rivals") / "mlruns", QUICK)
    for name, settings in (("good", ()), ("bad", BAD)):
        done = command.call(f"study.name={name}", "quiet=true", *settings)
        assert done.code == 0, done.err
    return command


@pytest.fixture
def root(rivals: Command, tmp_path: Path) -> Command:
    """A copy of that root."""
    shutil.copytree(rivals.root, tmp_path / "mlruns")
    return Command(tmp_path / "mlruns", {})


def promoted(command: Command, study: str, *settings: str) -> dict[str, Any]:
    """What job=promote tells of a study."""
    done = command.call("job=promote", f"study.name={study}", "output=json", *settings)
    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def registry(command: Command, model: str = "tuner") -> dict[str, Any]:
    """The aliases of the model and all its versions, from the newest on."""
    client = MlflowClient(f"sqlite:///{command.root}/mlflow.db")
    versions = client.search_model_versions(f"name = '{model}'")
    aliases = client.get_registered_model(model).aliases
    return {"versions": versions, **{alias: int(n) for alias, n in aliases.items()}}


def test_the_first_champion_must_beat_a_constant_prediction(root: Command) -> None:
    bad = promoted(root, "bad")
    assert (bad["alias"], bad["champion"]) == ("challenger", None)
    assert bad["contest"]["p"] > 0.025
    good = promoted(root, "good")
    assert (good["alias"], good["version"]) == ("champion", 2)
    own = root.result("good")["test"]["accuracy"]
    assert good["contest"]["ours"] == pytest.approx(own, abs=1e-8)
    assert registry(root)["champion"] == 2


def test_only_a_better_winner_takes_the_champions_place(root: Command) -> None:
    client = MlflowClient(f"sqlite:///{root.root}/mlflow.db")
    promoted(root, "bad")
    client.set_registered_model_alias("tuner", "champion", "1")
    good = promoted(root, "good")
    assert (good["alias"], good["champion"], good["of"]) == ("champion", 1, "bad")
    assert good["contest"]["test"] == "McNemar's exact test"
    again = promoted(root, "bad")
    assert (again["alias"], again["version"]) == ("challenger", 1)
    assert {"champion": 2, "challenger": 1}.items() <= registry(root).items()


def test_promoting_twice_changes_nothing(root: Command) -> None:
    for study in ("good", "bad"):
        first = promoted(root, study)
        before = registry(root)
        again = promoted(root, study)
        assert again["already"] is (study == "good")
        assert {**again, "already": False, "contest": None} == {
            **first, "contest": None, "champion": again["champion"],
        }  # fmt: skip
        after = registry(root)
        assert [v.version for v in after["versions"]] == [v.version for v in before["versions"]]


def test_a_version_tells_whose_it_is_and_by_what_it_won(root: Command) -> None:
    promoted(root, "good")
    (version,) = registry(root)["versions"]
    saved = json.loads((root.folder("good") / "result.json").read_text())
    tags = version.tags
    assert tags["tuner.key"] == saved["run"]["key"]
    assert (tags["tuner.study"], len(tags["tuner.data"])) == ("good", 64)
    assert "of a constant prediction" in version.description
    client = MlflowClient(f"sqlite:///{root.root}/mlflow.db")
    assert client.get_run(version.run_id).data.tags["tuner.key"] == tags["tuner.key"]


LOAD = """
import sys, numpy as np, mlflow
mlflow.set_tracking_uri(sys.argv[1])
rows = np.load(sys.argv[2])
model = mlflow.pyfunc.load_model("models:/tuner@champion")
own = mlflow.sklearn.load_model("models:/tuner@champion")
given = model.predict(rows, params={"predict_method": "predict_proba"})
np.save(sys.argv[3], np.column_stack([model.predict(rows), own.predict(rows), given]))
"""


@pytest.mark.slow
def test_the_champion_says_the_same_in_a_fresh_process_and_without_its_study(
    root: Command, tmp_path: Path
) -> None:
    promoted(root, "good")
    model = skops.io.load(
        root.folder("good") / "model" / FILE,
        trusted=skops.io.get_untrusted_types(file=root.folder("good") / "model" / FILE),
    )
    example = root.folder("good") / "model" / "example.npy"
    shutil.copy(example, tmp_path / "rows.npy")
    rows = np.load(example)
    assert root.call("job=delete", "study.name=good", "yes=true").code == 0
    given = [f"sqlite:///{root.root}/mlflow.db", tmp_path / "rows.npy", tmp_path / "said.npy"]
    subprocess.run([sys.executable, "-c", LOAD, *map(str, given)], check=True, cwd=tmp_path)
    said = np.load(tmp_path / "said.npy")
    for column in (0, 1):
        np.testing.assert_array_equal(said[:, column], model.predict(rows))
    np.testing.assert_array_equal(said[:, 2:], model.predict_proba(rows))


def test_a_root_that_was_moved_keeps_its_champion(root: Command, tmp_path: Path) -> None:
    promoted(root, "good")
    root.root.rename(tmp_path / "moved")
    moved = Command(tmp_path / "moved", {})
    assert promoted(moved, "bad")["contest"]["theirs"] > 0.8
    for version in registry(moved)["versions"]:
        assert Path(version.source).is_dir()


@pytest.mark.parametrize("lost", ["alias", "version", "model", "files"])
def test_a_champion_that_was_deleted_is_none_or_is_told(root: Command, lost: str) -> None:
    client = MlflowClient(f"sqlite:///{root.root}/mlflow.db")
    promoted(root, "good")
    if lost == "alias":
        client.delete_registered_model_alias("tuner", "champion")
    elif lost == "version":
        client.delete_model_version("tuner", "1")
    elif lost == "model":
        client.delete_registered_model("tuner")
    else:
        shutil.rmtree(root.root / "artifacts" / "models")
    found = promoted(root, "bad")
    assert found["alias"] == "challenger"
    if lost == "files":
        assert found["contest"] is None
        assert FILE in found["said"]
    else:
        assert found["champion"] is None
        assert promoted(root, "good")["alias"] == "champion"


def replaced(root: Command, write: Any) -> None:
    """Puts something else in the place of the champion's file."""
    (file,) = (root.root / "artifacts" / "models").glob(f"*/artifacts/{SEEN}")
    write(file.parent / FILE)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda file: file.write_bytes(b"\x80\x04cos\nsystem\n"), "is not a skops file"),
        (lambda file: skops.io.dump(np.testing.measure, file), "measure"),
        (lambda file: skops.io.dump(LogisticRegression(), file), "it does not predict"),
        (lambda file: file.unlink(), f"it has no {FILE}"),
    ],
    ids=["pickle", "foreign", "not fitted", "none"],
)
def test_a_champion_that_is_not_safe_or_not_whole_stays_and_is_not_run(
    root: Command, write: Any, said: str
) -> None:
    promoted(root, "good")
    replaced(root, write)
    done = root.call("job=promote", "study.name=bad")
    assert done.code == 0, done.err
    assert said in done.out
    assert "the alias champion of tuner" in done.out
    assert {"champion": 1, "challenger": 2}.items() <= registry(root).items()


@pytest.mark.slow
def test_two_at_once_compare_one_after_the_other(root: Command) -> None:
    told: dict[str, Any] = {}
    processes = [
        root.start("job=promote", f"study.name={s}", "output=json") for s in ("good", "bad")
    ]

    def wait(process: Any) -> None:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
        found = json.loads(out)
        told[found["study"]] = found

    threads = [threading.Thread(target=wait, args=[p]) for p in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told["good"]["alias"] == "champion"
    assert registry(root)["champion"] == told["good"]["version"]
    assert len(registry(root)["versions"]) == 2


def test_a_tune_ends_with_the_promotion_in_words_json_and_log(
    rivals: Command, tmp_path: Path
) -> None:
    shutil.copytree(rivals.root, tmp_path / "mlruns")
    command = Command(tmp_path / "mlruns", QUICK)
    words = command.call("study.name=good", "promote=true", "promote.model=cancer")
    assert words.code == 0, words.err
    assert "Champion: version 1 of cancer, the winner of study good: " in words.out
    told = command.call(
        "study.name=good", "promote=true", "promote.model=cancer", "output=json", "log=json"
    )
    assert json.loads(told.out)["promotion"]["already"] is True
    events = [json.loads(line) for line in told.err.splitlines()]
    assert [e["version"] for e in events if e["event"] == "promoted"] == [1]
    assert registry(command, "cancer")["champion"] == 1
    assert promoted(command, "good", "promote.model=cancer")["already"] is True


def test_a_target_that_was_missed_is_not_promoted(rivals: Command, tmp_path: Path) -> None:
    shutil.copytree(rivals.root, tmp_path / "mlruns")
    command = Command(tmp_path / "mlruns", QUICK)
    done = command.call("study.name=bad", "promote=true", "target=0.99", *BAD)
    assert done.code == 4
    assert "not promoted: the target was missed" in done.err
    assert "Champion" not in done.out


def test_a_promotion_that_the_deadline_leaves_no_time_for_is_made_up_for(
    root: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(root.root, QUICK)
    own = ("study.name=good", "promote=true", "promote.model=late")
    with monkeypatch.context() as patch:
        patch.setattr("tuner.study.plan.PROMOTING", 1e6)
        late = command.call(*own, "budget.deadline=600")
    assert late.code == 5
    assert "not promoted: budget.deadline: 600 s leave no time for it: the same command" in late.err
    assert "Study good" in late.out
    assert "Champion" not in late.out
    done = command.call(*own, "budget.deadline=600")
    assert done.code == 0, done.err
    assert registry(command, "late")["champion"] == 1


def test_a_server_that_is_away_is_one_line_and_the_same_command_promotes(root: Command) -> None:
    away = "tracking.uri=http://127.0.0.1:9"
    job = root.call("job=promote", "study.name=good", away)
    assert job.code == 2
    assert job.err.startswith("tuner: tracking.uri: http://127.0.0.1:9: ")
    assert len(job.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("study.name=none",), "study.name: none: no such study"),
        (("study.name=good", "tracking=none"), "tracking: none: study good has no MLflow"),
        (("study.name=good", "promote.model=a/b"), "promote.model: 'a/b': must hold a letter"),
    ],
)
def test_what_cannot_be_promoted_is_one_line(
    rivals: Command, settings: tuple[str, ...], said: str
) -> None:
    done = Command(rivals.root, {}).call("job=promote", *settings)
    assert done.code == 2
    assert said in done.err
    assert not (rivals.root / "mlflow.db").exists() or "Traceback" not in done.err


def test_a_study_without_its_model_or_result_is_told(root: Command) -> None:
    (root.folder("bad") / "model" / FILE).unlink()
    gone = root.call("job=promote", "study.name=bad")
    assert (gone.code, "its model is gone" in gone.err) == (2, True)
    (root.folder("good") / "result.json").unlink()
    none = root.call("job=promote", "study.name=good")
    assert (none.code, "is not finished" in none.err) == (2, True)


@pytest.mark.slow
def test_a_night_with_nothing_new_makes_up_for_a_promotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path / "mlruns", QUICK)
    night(monkeypatch, 1)
    assert command.call("study.name=nightly-@date", "quiet=true").code == 0
    night(monkeypatch, 2)
    done = command.call("study.name=nightly-@date", "promote=true")
    assert done.code == 0, done.err
    assert done.out.startswith("Nothing new: ")
    assert "Champion: version 1 of " in done.out
    assert ", the winner of study nightly-2026-02-01: " in done.out
    assert len([*(command.root / "studies").iterdir()]) == 1


def table(seed: int, rows: int = 240, new: bool = False) -> pd.DataFrame:
    """A table of numbers with gaps and of words, whose class follows from two columns."""
    random = np.random.default_rng(seed)
    age = random.integers(20, 70, rows)
    town = np.array(["Ulm", "Bonn", "Jena"])[random.integers(3, size=rows)]
    y = np.where(age + 12 * (town == "Ulm") + random.normal(0, 4, rows) > 50, "yes", "no")
    made = pd.DataFrame({"age": age.astype(float), "town": town, "y": y})
    made["size"] = random.normal(size=rows)  # no two rows are alike
    made.loc[::17, "age"] = np.nan
    return made.rename(columns={"age": "years"}) if new else made


TABLE = {key: value for key, value in QUICK.items() if key != "data"} | {
    "data": "csv",
    "data.target": "y",
    "budget.epochs": "40",
    "budget.trials": "1",
    "lr": "0.02",
}


@pytest.mark.slow
def test_rows_that_the_champion_was_trained_on_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    command = Command(tmp_path / "mlruns", {**TABLE, "data.path": str(file)})
    table(0).to_csv(file, index=False)
    assert command.call("study.name=one", "promote=true", "quiet=true").code == 0
    pd.concat([table(0), table(1, 60)]).to_csv(file, index=False)
    told = command.call("study.name=two", "promote=true", "output=json")
    assert told.code == 0, told.err
    found = json.loads(told.out)["promotion"]
    assert found["champion"] == 1
    assert found["left_out"] > 20
    assert found["contest"]["rows"] + found["left_out"] == 60
    stale = Command(command.root, {}).call("job=promote", "study.name=one")
    assert stale.code == 2
    assert "is not what study one was begun with" in stale.err


@pytest.mark.slow
def test_a_champion_of_other_columns_stays_and_they_are_named(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    command = Command(tmp_path / "mlruns", {**TABLE, "data.path": str(file)})
    table(0).to_csv(file, index=False)
    one = command.call("study.name=one", "promote=true", "promote.model=own", "quiet=true")
    assert one.code == 0, one.err
    again = promoted(Command(command.root, {}), "one")
    assert (again["model"], again["already"]) == ("own", True)  # the study's own name
    table(0, new=True).to_csv(file, index=False)
    done = command.call("study.name=two", "promote=true", "promote.model=own")
    assert done.code == 0, done.err
    assert "was not compared with the champion, version 1, which stays" in done.out
    assert "today's data lack the column age" in done.out
