"""Promises of the positive class: it is said or clear, and what it is decides the metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics as reference

from tests.jobs.conftest import Command
from tuner.data import DataSet, load
from tuner.data.metrics import load as load_metric
from tuner.errors import UserError

ROWS = 200
RANDOM = np.random.default_rng(0)
RARE = RANDOM.permutation(ROWS) < 14  # rows of the class that matters
TOLD_APART = ["f1", "average_precision", "precision", "recall", "jaccard"]
ALIKE = ["accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss", "f1_macro", "f1_weighted"]


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table whose rare rows have the second label."""

    def write(often: str, rare: str) -> Path:
        numbers = RANDOM.normal(size=ROWS)
        labels = np.where(RARE, rare, often)
        lines = [f"{x:.6f},{label}" for x, label in zip(numbers, labels, strict=True)]
        path = tmp_path / "made.csv"
        path.write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
        return path

    return write


def loaded(path: Path, **settings: Any) -> DataSet:
    return load(
        "made", reader="table", path=str(path), target="y", seed=0, dtype="float64", **settings
    )


@pytest.mark.parametrize("name", TOLD_APART)
def test_a_metric_of_the_positive_class_is_refused_where_none_is_clear(
    table: Callable[..., Path], name: str
) -> None:
    data = loaded(table("legit", "fraud"))
    with pytest.raises(
        UserError, match=rf"^metric: {name}: .*positive, fraud or legit; give data\.positive$"
    ):
        data.metric(name)
    assert loaded(table("legit", "fraud"), positive="fraud").metric(name).name == name


@pytest.mark.parametrize("name", ALIKE)
def test_a_metric_that_takes_both_classes_alike_needs_none(
    table: Callable[..., Path], name: str
) -> None:
    data = loaded(table("legit", "fraud"))
    assert data.metric(name).name == name
    assert data.notes == ()


@pytest.mark.parametrize(
    ("often", "rare"),
    [
        *[("0", "1"), ("-1", "1"), ("False", "True"), ("false", "true"), ("no", "yes")],
        *[("No", "Yes"), ("n", "y"), ("negative", "positive"), ("Neg", "Pos"), ("F", "T")],
        ("-", "+"),
    ],
)
def test_labels_that_say_it_need_no_setting(
    table: Callable[..., Path], often: str, rare: str
) -> None:
    data = loaded(table(often, rare))
    assert data.classes is not None
    names = [str(label).casefold() for label in data.classes]
    place = names.index(rare.casefold())
    assert data.notes == (f"{data.classes[place]} is the positive class",)
    never = -1.0 if place else 1.0
    y = data.final.train.y
    assert data.metric("f1").function(np.full((len(y), 1), never), y, None) == 0


@pytest.mark.parametrize(("often", "rare"), [("1", "2"), ("0", "2"), ("a", "b"), ("ja", "yes")])
def test_labels_that_do_not_say_it_are_refused(
    table: Callable[..., Path], often: str, rare: str
) -> None:
    with pytest.raises(UserError, match=r"give data\.positive"):
        loaded(table(often, rare)).metric("f1")


@pytest.mark.parametrize("asked", [1, "1", 2])
def test_whole_numbers_are_named_as_numbers_or_as_text(
    table: Callable[..., Path], asked: Any
) -> None:
    data = loaded(table("1", "2"), positive=asked)
    assert data.notes == (f"{asked} is the positive class",)


def test_what_yaml_makes_of_yes_and_no_names_them(table: Callable[..., Path]) -> None:
    assert loaded(table("no", "yes"), positive=True).notes == ("yes is the positive class",)
    assert loaded(table("no", "yes"), positive=False).notes == ("no is the positive class",)


@pytest.mark.parametrize("name", [*TOLD_APART, *ALIKE])
@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_metric_is_what_scikit_learn_gives_for_that_positive_class(
    name: str, positive: int, weighted: bool
) -> None:
    random = np.random.default_rng(1)
    y = (random.random(ROWS) < 0.2).astype(int)
    scores = random.normal(size=(ROWS, 1)) + y[:, None]
    weights = random.random(ROWS) if weighted else None
    found = load_metric(
        name, "binary", np.array(["a", "b"]), None, None, positive=positive
    ).function(scores, y, weights)
    truth, said = y == positive, (scores[:, 0] > 0) == positive
    chances = expit(scores[:, 0] if positive else -scores[:, 0])
    given: dict[str, Any] = {"sample_weight": weights}
    expected = {
        "f1": lambda: reference.f1_score(truth, said, **given),
        "precision": lambda: reference.precision_score(truth, said, **given),
        "recall": lambda: reference.recall_score(truth, said, **given),
        "jaccard": lambda: reference.jaccard_score(truth, said, **given),
        "average_precision": lambda: reference.average_precision_score(truth, chances, **given),
        "roc_auc": lambda: reference.roc_auc_score(truth, chances, **given),
        "accuracy": lambda: reference.accuracy_score(truth, said, **given),
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(truth, said, **given),
        "neg_log_loss": lambda: -reference.log_loss(truth, chances, **given),
        "f1_macro": lambda: reference.f1_score(truth, said, average="macro", **given),
        "f1_weighted": lambda: reference.f1_score(truth, said, average="weighted", **given),
    }[name]()
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_class_that_is_not_there_and_a_task_without_two_are_refused(
    table: Callable[..., Path],
) -> None:
    path = table("legit", "fraud")
    with pytest.raises(UserError, match=r"^data\.positive: Fraud: must be one of .*fraud, legit$"):
        loaded(path, positive="Fraud")
    with pytest.raises(UserError, match=r"^data\.positive: 1: needs two classes; give null$"):
        load("iris", seed=0, dtype="float32", positive=1)


def test_the_command_asks_for_the_positive_class_and_says_it(
    table: Callable[..., Path], tmp_path: Path
) -> None:
    command = Command(tmp_path / "mlruns")
    settings = ("data=csv", f"data.path={table('legit', 'fraud')}", "data.target=y", "metric=f1")
    refused = command.call(*settings)
    assert (refused.code, refused.out) == (2, "")
    assert "give data.positive" in refused.err
    assert not command.folder().exists()
    told = command.call(
        *settings, "data.positive=fraud", "model=softmax", "budget.trials=2", "confirm.top=0"
    )
    assert told.code == 0, told.err
    assert "fraud (14, positive)" in told.out.splitlines()[1]
