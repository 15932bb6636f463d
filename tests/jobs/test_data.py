"""Promises of studies on data of one's own, and of the model that they leave behind."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import dump_svmlight_file, load_digits, load_wine

from tests.jobs.conftest import Command
from tuner.composing import compose
from tuner.config import check

Interpreter = Callable[..., CompletedProcess[str]]

# Loads a study's model and answers raw rows of a file, as whoever uses it would.
PREDICT = """
import json, sys
from tuner.estimators import load

model, file = sys.argv[1:]
if file.endswith("libsvm"):
    from sklearn.datasets import load_svmlight_file
    rows, _ = load_svmlight_file(file, n_features=64)
else:
    import pandas
    rows = pandas.read_csv(file)
print(json.dumps(load(model).predict(rows).tolist()))
"""


@pytest.fixture
def wine(tmp_path: Path) -> Path:
    """A CSV with gaps, words, a group and a date, and names that are not ASCII."""
    frame = load_wine(as_frame=True).frame.rename(columns={"alcohol": "alcohol in %"})
    random = np.random.default_rng(0)
    kind = frame.pop("target").to_numpy()
    frame["farbe"] = np.array(["hell", "dunkel", "rosé"])[
        (kind + (random.random(len(kind)) < 0.2)) % 3
    ]
    frame.loc[::8, ["alcohol in %", "farbe"]] = None
    frame["lot"] = random.integers(0, 30, len(kind))
    frame["date"] = pd.date_range("2024-01-01", periods=len(kind)).to_numpy()[
        random.permutation(len(kind))
    ]
    frame["Erzeuger"] = np.array(["Barolo", "Grignolino", "Süßmann"])[kind]
    frame.to_csv(tmp_path / "wein.csv", index=False)
    return tmp_path / "wein.csv"


FEATURES = "data.features=[alcohol in %,farbe,hue,proline]"
LONGER = ("budget.epochs=12", "optimizer.adam.lr={low: 0.01, high: 0.05}", "model=softmax")


@pytest.mark.parametrize(
    ("how", "more"),
    [
        ("folds", ("data.folds=3", "data.sample_weight=hue", "metric=balanced_accuracy")),
        pytest.param("holdout", ("data.class_weight=balanced",), marks=pytest.mark.slow),
        pytest.param("grouped", ("data.group=lot",), marks=pytest.mark.slow),
        pytest.param("by time", ("data.time=date", "data.folds=2"), marks=pytest.mark.slow),
    ],
)
def test_the_model_of_a_table_takes_its_raw_rows_in_a_fresh_process(
    how: str, more: tuple[str, ...], wine: Path, command: Command, interpreter: Interpreter
) -> None:
    told = command.call(
        *("data=csv", f"data.path={wine}", "data.target=Erzeuger", FEATURES), *LONGER, *more
    )
    assert told.code == 0, told.err
    model = command.folder() / "model" / "model.skops"
    done = interpreter("-c", PREDICT, str(model), str(wine))
    said = json.loads(done.stdout)
    assert np.mean(pd.read_csv(wine)["Erzeuger"] == said) > 0.8
    assert len(pd.read_csv(command.folder() / "model" / "example.csv")) == 5


@pytest.mark.slow
def test_the_model_of_sparse_rows_takes_sparse_rows(
    tmp_path: Path, command: Command, interpreter: Interpreter
) -> None:
    X, y = load_digits(return_X_y=True)
    path = tmp_path / "digits.libsvm"
    dump_svmlight_file(X, y, str(path), zero_based=False)
    told = command.call("data=libsvm", f"data.path={path}", "data.columns=64", *LONGER)
    assert told.code == 0, told.err
    model = command.folder() / "model" / "model.skops"
    done = interpreter("-c", PREDICT, str(model), str(path))
    assert np.mean(json.loads(done.stdout) == y) > 0.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("data.target=Winzer",), "data.target: Winzer: "),
        (("data.target=Erzeuger", "data.dates=refuse"), "column date holds dates"),
        (("data.target=Erzeuger", FEATURES, "metric=mae"), "metric: mae: does not fit"),
        (("data.target=Erzeuger", FEATURES, "model=linear"), "linear"),
        (("data.target=Erzeuger", FEATURES, "data.folds=90"), "data.folds: 90: only"),
    ],
)
def test_a_mistake_about_a_table_is_one_line_and_writes_nothing(
    settings: tuple[str, ...], said: str, wine: Path, command: Command
) -> None:
    told = command.call("data=csv", f"data.path={wine}", *settings)
    assert told.code == 2
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert not command.root.exists()


def test_a_model_of_classes_for_many_whole_numbers_is_refused_with_the_task_to_give(
    tmp_path: Path, command: Command
) -> None:
    codes = pd.DataFrame({"a": range(80), "code": [10_000 + 7 * (i % 40) for i in range(80)]})
    codes.to_csv(tmp_path / "codes.csv", index=False)
    told = command.call(
        "data=csv", f"data.path={tmp_path / 'codes.csv'}", "data.target=code", "model=softmax"
    )
    assert told.code == 2
    assert "a regression task unless data.task=multiclass says otherwise: give one of" in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.slow
def test_a_table_of_all_kinds_of_columns_keeps_its_settings_wherever_they_go(
    tmp_path: Path, command: Command, interpreter: Interpreter
) -> None:
    """Dates, levels, categories and exclusions: the saved model, the export and +best have them."""
    random = np.random.default_rng(0)
    rows = 120
    frame = pd.DataFrame(
        {
            "id no": range(rows),
            "size": random.choice(["S", "M", "L"], rows),
            "zip": random.choice([10115, 20095], rows),
            "day": pd.Series(pd.date_range("2025-01-01", periods=rows)).dt.strftime("%d.%m.%Y"),
            "x": random.normal(size=rows),
        }
    )
    frame["y"] = np.where(frame["x"] + random.normal(0, 0.3, rows) > 0, "p", "q")
    frame.loc[::9, ["size", "day"]] = None
    frame.to_csv(tmp_path / "t.csv", index=False)
    own = ('data.exclude=["id no"]', "data.categorical=[zip]", "data.ordinal={size: [S, M, L]}")
    told = command.call(
        *("data=csv", f"data.path={tmp_path / 't.csv'}", "data.target=y", *own),
        *("model=softmax", "study.name=first", "budget.trials=2", "confirm.top=0"),
    )
    assert told.code == 0, told.err
    model = command.folder("first") / "model" / "model.skops"
    done = interpreter("-c", PREDICT, str(model), str(tmp_path / "t.csv"))
    assert set(json.loads(done.stdout)) == {"p", "q"}, done.stderr
    code = command.call("job=export", "study.name=first").out
    assert "ordinal={'size': ['S', 'M', 'L']}" in code
    assert interpreter("-c", code).returncode == 0
    again = check(compose(["+best=first", f"root={command.root}"], None)).data.model_dump()
    assert again["ordinal"] == {"size": ["S", "M", "L"]}
    assert (again["exclude"], again["categorical"]) == (["id no"], ["zip"])
