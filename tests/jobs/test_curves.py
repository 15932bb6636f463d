"""What MLflow's store holds of a finished study, read back with its own client."""

import json
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.jobs.conftest import Command, Ended

pytestmark = pytest.mark.slow

CURVES = (
    *("train_loss", "validation_loss", "validation_accuracy"),
    *("learning_rate", "gradient_norm", "update_ratio"),
)
STATUS = dict.fromkeys(("COMPLETE", "PRUNED", "DIVERGED"), "FINISHED")


class Read:
    """The runs of the one study in a root."""

    def __init__(self, root: Path) -> None:
        self.database = root / "mlflow.db"
        self.client = MlflowClient(f"sqlite:///{self.database}")
        experiment = self.client.get_experiment_by_name("tuner")
        assert experiment is not None
        runs = list(self.client.search_runs([experiment.experiment_id]))
        (self.parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
        self.children = sorted(
            (r for r in runs if r is not self.parent), key=lambda r: int(r.data.tags["tuner.trial"])
        )

    def steps(self, run: Run, metric: str) -> list[int]:
        return sorted(p.step for p in self.client.get_metric_history(run.info.run_id, metric))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def read(finished: tuple[Command, Ended]) -> Read:
    return Read(finished[0].root)


@pytest.fixture(scope="module")
def trials(finished: tuple[Command, Ended]) -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = finished[0].result("adam")["all"]
    return every


def test_a_study_is_one_parent_with_a_child_a_trial(
    read: Read, trials: list[dict[str, Any]]
) -> None:
    assert [int(r.data.tags["tuner.trial"]) for r in read.children] == list(range(len(trials)))
    assert {r.data.tags["mlflow.parentRunId"] for r in read.children} == {read.parent.info.run_id}
    assert read.parent.info.status == "FINISHED"


def test_state_and_reason_are_told_by_status_and_tags(
    read: Read, trials: list[dict[str, Any]]
) -> None:
    for run, trial in zip(read.children, trials, strict=True):
        assert run.info.status == STATUS[trial["state"]]
        assert run.data.tags["tuner.state"] == trial["state"]
        assert run.data.tags["tuner.reason"] == trial["reason"]
        assert run.info.end_time >= run.info.start_time
    assert {t["state"] for t in trials} == set(STATUS)


def test_label_evidence_and_advice_are_the_same_wherever_they_are_told(
    read: Read, trials: list[dict[str, Any]], finished: tuple[Command, Ended]
) -> None:
    for run, trial in zip(read.children, trials, strict=True):
        for name in ("label", "evidence", "advice"):
            assert run.data.tags[f"tuner.{name}"] == trial[name]
    best = finished[0].result("adam")["best"]
    assert best["advice"] == trials[best["number"]]["advice"]
    assert f"its curve: {best['label']}, {best['evidence']}; advice: {best['advice']}" in (
        finished[1].out
    )


def test_rates_too_low_under_dropout_are_told_to_be_raised(command: Command) -> None:
    told = command.call(
        "data=digits", "model=mlp", "optimizer=sgd", "schedule=constant", "tracking=none",
        "model.mlp.dropout=0.5", "optimizer.sgd.lr={choices: [1e-6, 1e-5, 1e-4]}", "sampler=grid",
        "pruner=none", "budget.trials=3", "budget.epochs=20", "confirm.top=0",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert set(command.states().values()) == {"COMPLETE"}
    for trial in command.result()["all"]:
        assert trial["label"] == "slow"
        assert trial["advice"].startswith("raise the learning rate")


def test_every_trial_has_one_point_for_each_epoch_it_trained(
    read: Read, trials: list[dict[str, Any]]
) -> None:
    for run, trial in zip(read.children, trials, strict=True):
        for metric in CURVES:
            steps = [step for step in read.steps(run, metric) if step]
            assert steps == list(range(1, trial["epochs"] + 1)), (trial["number"], metric)


def test_no_point_is_without_a_finite_number(read: Read) -> None:
    stored = read.query("SELECT value, is_nan FROM metrics UNION ALL "
                        "SELECT value, is_nan FROM latest_metrics")  # fmt: skip
    assert stored
    assert all(not nan and math.isfinite(value) and value < 1e300 for value, nan in stored)


def test_settings_are_params(read: Read, trials: list[dict[str, Any]]) -> None:
    for run, trial in zip(read.children, trials, strict=True):
        rate = f"optimizer.{trial['settings']['optimizer']}.lr"
        assert float(run.data.params[rate]) == trial["settings"][rate]


def test_the_parent_has_the_best_so_far(read: Read, finished: tuple[Command, Ended]) -> None:
    history = read.client.get_metric_history(read.parent.info.run_id, "best_validation_loss")
    values = [p.value for p in sorted(history, key=lambda p: p.step)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(finished[0].result("adam")["best"]["validation_loss"])


def test_config_result_and_pictures_are_artifacts(
    read: Read, finished: tuple[Command, Ended], tmp_path: Path
) -> None:
    kept = finished[0].folder("adam")
    names = {a.path for a in read.client.list_artifacts(read.parent.info.run_id)}
    assert {"config.yaml", "result.json"} <= names
    pictures = sorted(name for name in names if name.endswith(".png"))
    assert len(pictures) == 2
    for name in ["config.yaml", "result.json", "report.html", *pictures]:
        got = Path(read.client.download_artifacts(read.parent.info.run_id, name, str(tmp_path)))
        assert got.read_bytes() == (kept / name).read_bytes()
    for name in pictures:
        assert np.unique(imread(kept / name).reshape(-1, 4), axis=0).shape[0] > 20


def test_the_logged_model_predicts_raw_rows_as_well_as_the_result_says(
    read: Read, finished: tuple[Command, Ended]
) -> None:
    from sklearn.datasets import load_iris
    from skops.io import get_untrusted_types, load

    from tuner.data.splits import share_out

    (model,) = read.client.search_logged_models([read.parent.info.experiment_id])
    assert model.source_run_id == read.parent.info.run_id
    folder = Path(model.artifact_location.removeprefix("file://"))
    described = (folder / "MLmodel").read_text()
    assert "signature" in described
    assert "input_example.json" in described
    assert json.loads((folder / "input_example.json").read_text())
    requirements = (folder / "requirements.txt").read_text()
    assert {"tuner", "scikit-learn", "numpy"} <= {
        line.split("==")[0] for line in requirements.splitlines()
    }
    trusted = get_untrusted_types(file=folder / "model.skops")
    assert all(name.startswith("tuner.") for name in trusted)
    pipeline = load(folder / "model.skops", trusted=trusted)
    X, y = load_iris(return_X_y=True)
    test = share_out(y, {"validation": 0.2, "test": 0.2}, seed=0)["test"]
    accuracy = np.mean(pipeline.predict(X[test]) == y[test])
    assert accuracy == pytest.approx(finished[0].result("adam")["test"]["accuracy"])


def test_the_verdict_tells_winner_scores_divergence_and_how_to_see_the_curves(
    finished: tuple[Command, Ended], read: Read
) -> None:
    out = finished[1].found
    best = finished[0].result("adam")["best"]
    winner = finished[0].result("adam")["winner"]
    assert out.startswith(f"Study adam: the winner is trial {winner['number']} (adam, ")
    assert f"The search ranks trial {best['number']} first" in out
    assert re.search(r"of sgd diverged, .* learning rates", out)
    assert "Test: loss " in out
    assert f"python -m tuner job=ui study.name=adam root={finished[0].root}" in out
    kept = json.loads((finished[0].folder("adam") / "result.json").read_text())["run"]["curves"]
    assert read.parent.info.run_id in kept
    assert "compareRunsMode=CHART" in kept
