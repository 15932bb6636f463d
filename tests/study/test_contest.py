"""Promises of a contest: each task, metric and kind of rows has the test that is for it."""

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from tuner.composing import compose
from tuner.config import check
from tuner.estimators import (
    HuberRegressor,
    LinearSVMClassifier,
    LogisticClassifier,
    MLPClassifier,
    MLPRegressor,
    PoissonRegressor,
    SoftmaxClassifier,
)
from tuner.study.contest import Judge
from tuner.study.data import load_data
from tuner.study.held_out import Unfit, held_out
from tuner.study.populations import Populations

N = 300
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(N, 4))
LINE = X @ np.array([2.0, -1.0, 0.5, 0.0])
TARGETS = {
    "binary": np.where(LINE + RANDOM.normal(size=N) > 0, "yes", "no"),
    "multiclass": np.array(["a", "b", "c"])[np.digitize(LINE, [-1, 1])],
    "multilabel": (X[:, :2] > 0).astype(int),
    "regression": 100 + 10 * LINE + RANDOM.normal(size=N),
    "counts": RANDOM.poisson(np.exp(0.5 * LINE)).astype(float),
}
FITTING = {
    "binary": (MLPClassifier, "logistic"),
    "multiclass": (SoftmaxClassifier, "softmax"),
    "multilabel": (MLPClassifier, "mlp"),
    "regression": (MLPRegressor, "mlp"),
    "counts": (PoissonRegressor, "poisson"),
}


def judge(folder: Path, task: str, *settings: str, **beside: Any) -> Judge:
    """Of a study on arrays of this task."""
    y = TARGETS[task]
    np.savez(folder / "t.npz", X=X, y=y, **beside)
    kind = "regression" if task == "counts" else task
    of = [f"data.path={folder / 't.npz'}", f"data.task={kind}", f"model={FITTING[task][1]}"]
    config = check(compose(["data=npz", *of, "tracking=none", *settings], None))
    training = Populations(config, load_data(config), 1, Event())
    own = config.space.fixed
    data = training.data_for(training.loss(own))
    return Judge(training, own, held_out(data))


def model(task: str, rows: int, kind: Any = None) -> Any:
    """A pipeline that was fitted to so many rows."""
    own = (kind or FITTING[task][0])(max_iter=20, random_state=0)
    return make_pipeline(StandardScaler(), own).fit(X[:rows], TARGETS[task][:rows])


@pytest.mark.parametrize("task", TARGETS)
def test_a_model_of_each_task_beats_a_constant_and_not_itself(task: str, tmp_path: Path) -> None:
    judging = judge(tmp_path, task)
    ours = judging.judge(model(task, N))
    first = judging.contest(ours, judging.constant(), 0)
    assert first.won, first
    assert first.metric == "loss"
    again = judging.contest(ours, ours, 0)
    assert not again.won
    assert again.ours == again.theirs
    lost = judging.contest(judging.constant(), ours, 0)
    assert not lost.won


@pytest.mark.parametrize(
    ("task", "metric", "test"),
    [
        ("binary", "accuracy", "McNemar's exact test"),
        ("multiclass", "accuracy", "McNemar's exact test"),
        ("multilabel", "accuracy", "McNemar's exact test"),
        ("binary", "roc_auc", "DeLong's test"),
        ("multiclass", "roc_auc", "paired bootstrap"),
        ("binary", "f1", "paired bootstrap"),
        ("binary", "neg_log_loss", "paired bootstrap"),
        ("multiclass", "balanced_accuracy", "paired bootstrap"),
        ("regression", "mae", "paired bootstrap"),
        ("regression", "r2", "paired bootstrap"),
    ],
)
def test_each_metric_has_its_test_and_its_direction(
    task: str, metric: str, test: str, tmp_path: Path
) -> None:
    judging = judge(tmp_path, task, f"metric={metric}")
    ours = judging.judge(model(task, N))
    found = judging.contest(ours, judging.constant(), 0)
    assert (found.metric, found.test, found.won) == (metric, test, True)
    assert (found.ours > found.theirs) == (metric != "mae")


def test_numbers_are_those_of_scikit_learn_in_the_targets_own_unit(tmp_path: Path) -> None:
    from sklearn.metrics import mean_absolute_error, roc_auc_score

    for task, metric, measure in (
        ("regression", "mae", mean_absolute_error),
        ("binary", "roc_auc", roc_auc_score),
    ):
        judging, own = judge(tmp_path, task, f"metric={metric}"), model(task, N)
        rows = judging.rows.data.split.test
        said = own.predict(X[rows]) if task == "regression" else own.decision_function(X[rows])
        value = judging.contest(judging.judge(own), judging.constant(), 0).ours
        assert value == pytest.approx(measure(TARGETS[task][rows], said))


@pytest.mark.parametrize(
    ("beside", "settings", "test"),
    [
        ({"w": RANDOM.gamma(1.0, size=N)}, ("data.sample_weight=w",), "paired bootstrap"),
        ({"group": np.arange(N) // 5}, ("data.group=group",), "paired bootstrap of groups"),
        ({"time": np.arange(N)}, ("data.time=time",), "paired bootstrap of stretches of time"),
    ],
)
def test_weights_groups_and_times_are_drawn_as_they_belong_together(
    beside: dict[str, Any], settings: tuple[str, ...], test: str, tmp_path: Path
) -> None:
    judging = judge(tmp_path, "binary", "metric=accuracy", *settings, **beside)
    found = judging.contest(judging.judge(model("binary", N)), judging.constant(), 0)
    assert (found.test, found.won) == (test, True)


def test_where_one_gives_no_probabilities_accuracy_is_compared(tmp_path: Path) -> None:
    judging = judge(tmp_path, "binary")
    margins = judging.judge(model("binary", N, LinearSVMClassifier))
    found = judging.contest(judging.judge(model("binary", N)), margins, 0)
    assert found.metric == "accuracy"
    assert "no probabilities" in found.said


def test_any_regressor_is_judged_by_todays_loss(tmp_path: Path) -> None:
    judging = judge(tmp_path, "counts")
    found = judging.contest(
        judging.judge(model("counts", N)), judging.judge(model("counts", N, HuberRegressor)), 0
    )
    assert (found.metric, found.test) == ("loss", "paired bootstrap")
    assert np.isfinite([found.ours, found.theirs]).all()


def test_classes_take_the_places_of_todays(tmp_path: Path) -> None:
    judging = judge(tmp_path, "multiclass", "metric=accuracy")
    few = np.isin(TARGETS["multiclass"], ["a", "c"])
    y = TARGETS["multiclass"][few]
    own = make_pipeline(StandardScaler(), LogisticClassifier(max_iter=20)).fit(X[few], y)
    guess = judging.judge(own).scores.argmax(axis=1)
    rows = judging.rows.data.split.test
    np.testing.assert_array_equal(np.array(["a", "b", "c"])[guess], own.predict(X[rows]))
    own.steps[-1][1].classes_ = np.array(["x", "z"])
    with pytest.raises(Unfit, match="its classes are x, z, today's a, b, c"):
        judging.judge(own)


@pytest.mark.parametrize(
    ("champion", "said"),
    [
        (lambda: model("regression", N), "it does not predict"),
        (lambda: model("multilabel", N), "its classes are 0, 1, today's no, yes"),
        (lambda: make_pipeline(MaxAbsScaler(), LogisticClassifier(max_iter=2)).fit(
            X[:, :3], TARGETS["binary"]), "it needs 3 columns, today's data have 4"),
    ],
)  # fmt: skip
def test_what_predicts_something_else_is_not_compared(
    champion: Any, said: str, tmp_path: Path
) -> None:
    judging = judge(tmp_path, "binary")
    with pytest.raises(Unfit, match=said):
        judging.judge(champion())


def test_rows_that_one_model_alone_was_trained_on_do_not_count(tmp_path: Path) -> None:
    judging = judge(tmp_path, "binary")
    rows = judging.rows
    assert rows.unseen(rows.trained_on()).all()
    seen = rows.keys[::3]
    assert (~rows.unseen(seen)).sum() == len(seen)
    kept = rows.only(rows.unseen(seen))
    assert not np.isin(kept.keys, seen).any()
    grouped = judge(tmp_path, "binary", "data.group=group", group=np.arange(N) // 5).rows
    assert (~grouped.unseen(grouped.keys[:1])).sum() == 5
