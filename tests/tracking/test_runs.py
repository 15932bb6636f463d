"""A study in MLflow: one parent, one child a trial, nothing twice, nothing non-finite."""

import math
import sqlite3
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.tracking.conftest import NAMES, STARTED, curve, read_runs, study, trial
from tuner.tracking import Artifact, Model, Points, RunBegins, RunEnds, logged_models, tables
from tuner.tracking import model as models
from tuner.tracking.records import Tags
from tuner.tracking.runs import StudyRuns

BEGINS = RunBegins(None, "adam", STARTED)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("COMPLETE", "FINISHED"),
        ("PRUNED", "FINISHED"),
        ("DIVERGED", "FINISHED"),
        ("INTERRUPTED", "KILLED"),
        ("FAILED", "FAILED"),
    ],
)
def test_a_trial_ends_with_the_status_and_tags_of_its_state(store, open_runs, state, status):
    open_runs().write(study(trial(0, state=state, reason="because")))
    run = read_runs(store)[0]
    assert run.info.status == status
    assert run.data.tags["tuner.state"] == state
    assert run.data.tags["tuner.reason"] == "because"


def test_every_trial_is_a_child_with_its_whole_curve_and_settings(store, open_runs):
    open_runs().write(study(trial(0, epochs=4), trial(1, epochs=2)))
    runs = read_runs(store)
    assert runs.keys() == {None, 0, 1}
    assert [len(curve(store, runs[number])) for number in (0, 1)] == [4, 2]
    for number in (0, 1):
        tags = runs[number].data.tags
        assert tags["mlflow.parentRunId"] == runs[None].info.run_id
        assert tags["mlflow.runName"] == f"trial {number}"
        assert tags["tuner.study"] == "adam"
        assert tags["mlflow.user"]
        assert tags["mlflow.source.name"] == "python -m tuner"
        assert tags["mlflow.source.type"] == "LOCAL"
        assert runs[number].data.params == {"optimizer.adam.lr": str(0.01 * (number + 1))}
        assert runs[number].info.start_time == STARTED + 1000 * number


def test_the_parent_shows_the_best_so_far_the_note_and_the_settings(store, open_runs):
    open_runs().write(study(trial(0), trial(1)))
    parent = read_runs(store)[None]
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == "adam"
    assert curve(store, parent, "best") == [(0, 1.0), (1, 0.5)]
    assert parent.data.tags["mlflow.note.content"] == "What is this?"
    assert parent.data.params == {"seed": "0"}


def test_what_comes_without_the_beginning_of_its_run_is_left_out_and_counted(store, open_runs):
    runs = open_runs()
    runs.write(trial(0))
    assert runs.headless == len(trial(0))
    runs.write([BEGINS, *trial(1)[1:], *trial(2)])
    assert runs.headless == len(trial(0)) + len(trial(1)[1:])
    assert set(read_runs(store)) == {None, 2}
    runs.write([*trial(0), *trial(1)])
    starts = {number: run.info.start_time for number, run in read_runs(store).items()}
    assert starts == {None: STARTED, **{n: trial(n)[0].started_ms for n in range(3)}}


def test_points_that_are_not_finite_are_never_stored(store, open_runs):
    values = [1.0, math.nan, math.inf, -math.inf, 0.5]
    points = Points(0, range(5), {"val_loss": values})
    open_runs().write([BEGINS, RunBegins(0, "trial 0", STARTED), points])
    assert curve(store, read_runs(store)[0]) == [(0, 1.0), (4, 0.5)]


def test_writing_everything_again_changes_nothing(store, open_runs):
    records = study(trial(0), trial(1, state="PRUNED"))
    open_runs().write(records)
    before = read_runs(store)
    runs = open_runs()
    for record in records:  # one by one: the other extreme of batching
        runs.write([record])
    after = read_runs(store)
    for number, run in before.items():
        assert after[number].to_dictionary() == run.to_dictionary()
        assert curve(store, after[number]) == curve(store, run)
    assert runs.refused == []


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL; MLflow keeps what was committed."""


def die_after(calls, runs, monkeypatch):
    """Make the nth call that writes the last thing these runs do."""
    left = iter(range(calls))

    def mortal(call):
        def called(*given, **named):
            if next(left, None) is None:
                raise Killed
            return call(*given, **named)

        return called

    for name in ("create_run", "log_batch", "set_terminated"):
        monkeypatch.setattr(runs.client, name, mortal(getattr(runs.client, name)))
    for name in ("create", "add", "terminate"):
        monkeypatch.setattr(tables, name, mortal(getattr(tables, name)))
    return runs


@pytest.mark.parametrize("by_sql", [True, False])
def test_a_kill_between_any_two_calls_leaves_nothing_twice(store, open_runs, monkeypatch, by_sql):
    if not by_sql:
        leave_to_mlflow(monkeypatch)
    records = study(trial(0), trial(1))
    for calls in count():
        forget_all(store)
        with monkeypatch.context() as patch, suppress(Killed):
            die_after(calls, open_runs(), patch).write(records)
            break
        open_runs().write(records)
        runs = read_runs(store)
        assert runs.keys() == {None, 0, 1}
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
        assert [len(curve(store, runs[number])) for number in (0, 1)] == [3, 3]
    assert calls == (6 if by_sql else 15)


def test_an_interrupted_trial_that_is_trained_again_keeps_its_run(store, open_runs):
    whole = trial(0, epochs=5)
    open_runs().write([BEGINS, *whole[:3], RunEnds(0, "INTERRUPTED", "Ctrl-C", STARTED + 100)])
    interrupted = read_runs(store)[0]
    assert interrupted.info.status == "KILLED"
    resumed = open_runs()
    resumed.write(whole[:1])
    assert read_runs(store)[0].info.status == "RUNNING"
    resumed.write(whole[1:])
    finished = read_runs(store)[0]
    assert finished.info.run_id == interrupted.info.run_id
    assert finished.info.status == "FINISHED"
    assert finished.data.tags["tuner.state"] == "COMPLETE"
    assert len(curve(store, finished)) == 5


def test_no_trial_is_left_running_under_a_study_that_is_over(store, open_runs):
    open_runs().write([BEGINS, *trial(0)[:-1], *trial(1)])
    open_runs().write(study())
    runs = read_runs(store)
    assert {number: run.info.status for number, run in runs.items()} == {
        None: "FINISHED",
        0: "KILLED",
        1: "FINISHED",
    }
    assert runs[0].data.tags["tuner.state"] == "INTERRUPTED"


def test_two_studies_of_one_name_stay_apart(store):
    StudyRuns(store, **NAMES).write(study(trial(0)))
    StudyRuns(store, **{**NAMES, "key": "adam-2"}).write(study(trial(0)))
    client = MlflowClient(store.uri)
    (experiment,) = client.search_experiments(filter_string="name = 'digits'")
    assert len(client.search_runs([experiment.experiment_id])) == 4


def test_values_longer_than_mlflow_keeps_are_cut_not_refused(store, open_runs):
    runs = open_runs()
    for _ in range(2):
        begins = RunBegins(0, "trial 0", STARTED, {"long": "x" * 10_000}, {"tag": "y" * 10_000})
        runs.write([BEGINS, begins])
    data = read_runs(store)[0].data
    assert len(data.params["long"]) == len(data.tags["tag"]) == 6000
    assert runs.refused == []


def test_the_first_value_of_a_param_stays(store, open_runs):
    open_runs().write([RunBegins(None, "adam", STARTED, {"budget": 10})])
    runs = open_runs()
    runs.write([RunBegins(None, "adam", STARTED, {"budget": 20, "seed": 0})])
    assert read_runs(store)[None].data.params == {"budget": "10", "seed": "0"}
    assert runs.refused == []


def test_what_mlflow_refuses_is_named_and_does_not_block_the_rest(store, open_runs):
    runs = open_runs()
    gone = Artifact(None, str(store.root / "gone.json"))
    odd = Points(0, [0], {"a metric's name?": [1.0]})
    runs.write(study(trial(0), [odd, gone]))
    assert len(runs.refused) == 2
    assert "gone.json: the file is no longer there" in runs.refused[1]
    assert read_runs(store)[0].info.status == "FINISHED"


def test_artifacts_stay_under_the_root(store, open_runs, tmp_path):
    result = tmp_path / "result.json"
    result.write_text("{}")
    open_runs().write([RunBegins(None, "adam", STARTED), Artifact(None, str(result))])
    run = read_runs(store)[None]
    assert [file.path for file in MlflowClient(store.uri).list_artifacts(run.info.run_id)] == [
        "result.json"
    ]
    assert run.info.artifact_uri.startswith(str(store.root / "artifacts"))


@pytest.fixture
def saved_model(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.arange(40.0).reshape(20, 2)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, np.arange(20) // 10)
    models.describe(tmp_path / "model", pipeline, x[:5], ())
    return tmp_path / "model", pipeline, x


def test_of_a_model_that_a_late_answer_made_twice_the_whole_one_stays(
    store, open_runs, saved_model
):
    folder, _, _ = saved_model
    record = Model(None, str(folder), "best", tags={"tuner.trial": "0"})
    other = Model(None, str(folder), "best", tags={"tuner.trial": "1"})
    open_runs().write([RunBegins(None, "adam", STARTED), record, other])
    client = MlflowClient(store.uri)
    run = read_runs(store)[None].info
    place = run.experiment_id, run.run_id
    client.create_logged_model(run.experiment_id, "best", run.run_id, tags=dict(record.tags))
    assert len(client.search_logged_models([run.experiment_id])) == 3
    for _ in range(2):
        logged_models.drop_doubles(client, *place)
        left = client.search_logged_models([run.experiment_id])
        assert sorted(own.tags["tuner.trial"] for own in left) == ["0", "1"]
        assert {own.status for own in left} == {"READY"}


def test_the_best_model_is_on_the_parent_once_and_predicts(store, open_runs, saved_model):
    folder, pipeline, x = saved_model
    record = Model(None, str(folder), "best", params={"lr": 0.1}, tags={"tuner.trial": "0"})
    for _ in range(2):
        open_runs().write([RunBegins(None, "adam", STARTED), record])
    client = MlflowClient(store.uri)
    parent = read_runs(store)[None]
    (logged,) = client.search_logged_models([parent.info.experiment_id])
    assert logged.status == "READY"
    assert logged.source_run_id == parent.info.run_id
    assert logged.params == {"lr": "0.1"}
    outputs = client.get_run(parent.info.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [logged.model_id]

    import mlflow

    described = mlflow.models.Model.load(logged.artifact_location)
    assert described.model_id == logged.model_id
    assert described.signature.inputs.to_dict()[0]["tensor-spec"]["shape"] == (-1, 2)
    example = described.load_input_example(logged.artifact_location)
    np.testing.assert_array_equal(example, x[:5])
    requirements = Path(logged.artifact_location, "requirements.txt").read_text()
    assert "scikit-learn==" in requirements
    assert not list(Path(logged.artifact_location).rglob("*.pkl"))
    loaded = mlflow.sklearn.load_model(logged.artifact_location)
    np.testing.assert_array_equal(loaded.predict(x), pipeline.predict(x))


def test_a_model_with_types_that_are_not_trusted_is_not_saved_silently(tmp_path):
    from sklearn.preprocessing import FunctionTransformer

    odd = FunctionTransformer(np.linalg.norm).fit(np.eye(2))
    with pytest.raises(ValueError, match="trusted: name also"):
        models.save(tmp_path, odd, np.eye(2))


def test_a_model_that_cannot_be_loaded_is_refused_and_does_not_block_the_rest(store, open_runs):
    broken = store.root / "model"
    (broken / models.FORMAT).mkdir(parents=True)
    (broken / models.FORMAT / "MLmodel").write_text("- no model")
    runs = open_runs()
    runs.write(study(trial(0), [Model(None, str(broken), "best")]))
    (refusal,) = runs.refused
    assert refusal.startswith(str(broken))
    assert {run.info.status for run in read_runs(store).values()} == {"FINISHED"}


# What can be written by SQL, a query each; runs by their names, and no ids.
STORED = (
    "SELECT * FROM runs ORDER BY name",
    *(
        "SELECT runs.name, own.key, own.value, own.timestamp, own.step, own.is_nan "
        f"FROM {table} AS own JOIN runs USING (run_uuid) ORDER BY 1, 2, 4, 3"
        for table in ("metrics", "latest_metrics")
    ),
    *(
        f"SELECT runs.name, own.key, own.value FROM {table} AS own JOIN runs USING (run_uuid) "
        "WHERE own.key <> 'mlflow.parentRunId' ORDER BY 1, 2"
        for table in ("params", "tags")
    ),
)


def stored(store):
    with closing(sqlite3.connect(store.database)) as connection:
        connection.row_factory = sqlite3.Row
        found = [list(map(dict, connection.execute(query))) for query in STORED]
    for run in found[0]:
        own = run.pop("run_uuid")
        run["artifact_uri"] = run["artifact_uri"].replace(own, "its id")
    return found


def test_runs_are_stored_as_mlflow_itself_stores_them(store, open_runs, monkeypatch):
    # What repeats, comes out of order, has two values at a step, and is of NumPy's.
    told = [
        *study(
            trial(0, epochs=4), trial(1, epochs=2), trial(2, state="DIVERGED", reason="'é\";--")
        ),
        *trial(0, epochs=2),
        Points(0, [3, 1], {"val_loss": [0.5, 9.0], "accuracy": [np.float32(0.1), -0.0]}),
        Points(0, [3], {"val_loss": [0.7]}),
        Points(1, [1], {"val_loss": [-5.0]}),
        Tags(1, {"tuner.note": "first", "mlflow.note.content": "MLflow's", "a b/c": "unusual"}),
        Tags(1, {"tuner.note": "second" * 2000}),
        RunBegins(1, "again", STARTED, {"optimizer.adam.lr": 9.0, "new": None}),
        RunEnds(1, "PRUNED", "at last", STARTED + 5),
    ]
    one_by_one = [[record] for record in told]
    leave_to_mlflow(monkeypatch)
    everything = {}
    for how, bunches in {"at once": [told], "one by one": one_by_one}.items():
        runs = open_runs()
        for bunch in bunches:
            runs.write(bunch)
        everything[how] = stored(store), runs.refused
        forget_all(store)
    monkeypatch.undo()
    for how, bunches in {"at once": [told], "one by one": one_by_one}.items():
        for _ in range(2):  # written twice it is there once
            runs = open_runs()
            for bunch in bunches:
                runs.write(bunch)
            assert (stored(store), runs.refused) == everything[how]
        forget_all(store)
    assert len(everything["at once"][0][1]) == 18


def leave_to_mlflow(monkeypatch):
    """Makes SQL write nothing."""
    for name in ("create", "add", "terminate"):
        monkeypatch.setattr(tables, name, lambda *_: ())


def forget_all(store):
    """Deletes all runs."""
    with closing(sqlite3.connect(store.database)) as connection, connection:
        for table in ("metrics", "latest_metrics", "params", "tags", "inputs", "runs"):
            connection.execute(f"DELETE FROM {table}")


def test_what_sql_may_not_write_is_left_to_mlflow(store, open_runs):
    runs = open_runs()
    runs.write(study(trial(0)))
    run, own = read_runs(store)[0].info.run_id, store.database
    assert tables.add(own, [tables.News(run, [("loss", 1.0, STARTED, 0)])]) == {run}
    refused = [
        tables.News(run, [("loss", 1.0, STARTED, 1), ("a//b", 1.0, STARTED, 0)]),
        tables.News("nobody", [("loss", 1.0, STARTED, 2)]),
        tables.News(run, params={"optimizer.adam.lr": "0.02"}, tags={"tuner.state": "LOST"}),
        tables.News(run, tags={"tuner.state": "LOST", "mlflow.runName": "other"}),
    ]
    assert tables.add(own, refused) == set()
    assert curve(store, read_runs(store)[0], "loss") == [(0, 1.0)]
    assert tables.terminate(own, [tables.End("nobody", "KILLED", STARTED)]) == set()
    assert tables.create(own, "99", [tables.NewRun("of no experiment", STARTED, {})]) == []
    assert tables.create(own, runs.experiment_id, [tables.NewRun("", STARTED, {})]) == []
    assert read_runs(store)[0].data.tags["tuner.state"] == "COMPLETE"
    MlflowClient(store.uri).delete_run(run)
    assert tables.terminate(own, [tables.End(run, "KILLED", STARTED)]) == set()
    runs.write([Points(0, [9], {"loss": [1.0]})])
    assert "must be in the 'active' state" in runs.refused[0]
    with closing(sqlite3.connect(own)) as connection, connection:
        connection.execute("ALTER TABLE latest_metrics RENAME TO of_a_later_version")
    MlflowClient(store.uri).restore_run(run)
    assert tables.add(own, [tables.News(run, [("loss", 1.0, STARTED, 3)])]) == set()
    with closing(sqlite3.connect(own)) as connection:
        assert connection.execute("SELECT count(*) FROM metrics WHERE key = 'loss'").fetchone() == (
            1,
        )
