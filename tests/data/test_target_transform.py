"""Promises of data.target_transform: fitted in each training part, inverted in what is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from sklearn.metrics import r2_score

from tests.jobs.conftest import Command
from tests.jobs.test_promote import promoted
from tuner.data import DataSet, load
from tuner.errors import UserError
from tuner.estimators import LinearRegressor, PoissonRegressor
from tuner.estimators.public import own_types

EVERY = pytest.mark.parametrize("method", ["log1p", "power"])
STUDY = (
    *("+experiment=adam", "data=csv", "data.target=price", "model=linear"),
    *("budget.trials=2", "budget.epochs=12", "confirm.top=0", "study.defaults=false"),
    *("lr=0.05", "pruner=none", "threads=1", "quiet=true"),
)

LOGS = ("data.target_transform=log1p",)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices that grow by factors."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3))
    price = np.exp(3 + X @ [1.0, -0.7, 0.0] + 0.2 * random.normal(size=300))
    path = tmp_path_factory.mktemp("prices") / "t.csv"
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(price=price).to_csv(path, index=False)
    return path


@pytest.fixture
def read(table: Path) -> Callable[..., DataSet]:
    """Loads the prices."""

    def load_it(**settings: Any) -> DataSet:
        own = {"target": "price", "path": str(table), "dtype": "float64", **settings}
        return load("made", reader="table", seed=0, **own)

    return load_it


@EVERY
def test_each_fold_fits_its_own_training_part(method: str, read: Callable[..., DataSet]) -> None:
    data = read(folds=3, target_transform=method)
    for recipe, fold, (train, held) in zip(data.recipes, data.folds, data.split.folds, strict=True):
        y = data.target.values
        alone = recipe.targets.transform(y)
        mean, scale = alone[train].mean(axis=0), alone[train].std(axis=0)
        np.testing.assert_allclose(fold.train.y, (alone[train] - mean) / scale, atol=1e-9)
        np.testing.assert_allclose(fold.validation.y, (alone[held] - mean) / scale, atol=1e-9)
    if method == "power":
        assert len({float(recipe.targets.transform.power[0]) for recipe in data.recipes}) == 3


@EVERY
@pytest.mark.parametrize("name", ["r2", "neg_mean_absolute_percentage_error"])
def test_scores_are_in_the_unit_of_the_targets(
    method: str, name: str, read: Callable[..., DataSet]
) -> None:
    from sklearn.metrics import get_scorer

    data = read(target_transform=method)
    scores = np.random.default_rng(0).normal(size=(len(data.split.folds[0][1]), 1))
    y, said = data.target.values[data.split.folds[0][1]], data.target_transform
    predicted = said.inverse(scores * data.target_scale + data.target_mean)
    (metric,) = data.fold_metrics(name, "squared_error")
    found = metric.function(scores, data.folds[0].validation.y, None)
    scorer = get_scorer(name)
    expected = scorer._sign * scorer._score_func(y, predicted)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target_transform": "nope", "target": "a"}, "nope: must be one of log1p, power"),
        ({"target_transform": "log1p", "target": "sign"}, "log1p: is for regression"),
        ({"target_transform": "log1p", "target": "a"}, "log1p: takes targets above -1"),
        ({"target_transform": "power", "target": "same"}, "power: the targets are 2.5 in every"),
    ],
)
def test_what_does_not_fit_is_refused(
    settings: dict[str, Any], said: str, table: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(table)
    frame.assign(same=2.5, sign=np.where(frame.a > 0, "up", "down")).to_csv(
        tmp_path / "t.csv", index=False
    )
    given = {"path": str(tmp_path / "t.csv"), "dtype": "float32", **settings}
    with pytest.raises(UserError, match=rf"^data\.target_transform: {said}"):
        _ = load("made", reader="table", seed=0, **given).folds


def test_an_estimator_predicts_in_the_unit_of_the_targets() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 2))
    y = np.exp(2 + X[:, 0])
    plain, logs = (
        LinearRegressor(learning_rate=0.02, max_iter=40, random_state=0, target_transform=own).fit(
            X, y
        )
        for own in (None, "log1p")
    )
    assert logs.score(X, y) > 0.9 > plain.score(X, y)
    with pytest.raises(ValueError, match=r"^target_transform: log1p: the Poisson loss takes none"):
        PoissonRegressor(target_transform="log1p").fit(X, y)
    with pytest.raises(ValueError, match=r"^target_transform: 'sqrt': must be None or one of"):
        LinearRegressor(target_transform="sqrt").fit(X, y)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Command:
    """A root with a study of the logarithms of the prices."""
    root = tmp_path_factory.mktemp("studies") / "mlruns"
    return studied(root, table, {"logs": LOGS}, "tracking=none")


def studied(root: Path, table: Path, studies: dict[str, tuple[str, ...]], *more: str) -> Command:
    command = Command(root, {})
    for name, own in studies.items():
        done = command.call(*STUDY, f"data.path={table}", f"study.name={name}", *own, *more)
        assert done.code == 0, done.err
    return command


def test_the_saved_model_predicts_raw_targets_with_the_test_scores_of_the_study(
    prices: Command, read: Callable[..., DataSet]
) -> None:
    saved, *_ = prices.folder("logs").rglob("*.skops")
    model = skops.io.load(saved, trusted=own_types())
    data = read(target_transform="log1p")
    test = data.split.test
    said = model.predict(data.source.rows.iloc[test])
    told = prices.result("logs")["test"]["r2"]
    assert r2_score(data.target.values[test], said) == pytest.approx(told, abs=1e-4)
    assert told > 0.8


def test_the_exported_code_trains_it_to_the_same_scores(prices: Command) -> None:
    done = prices.call("job=export", "study.name=logs")
    assert "target_transform='log1p'" in done.out
    space: dict[str, Any] = {}
    exec(compile(done.out, "exported", "exec"), space)
    data = space["data"]
    said = space["model"].predict(data.source.rows.iloc[data.split.test])
    told = prices.result("logs")["test"]["r2"]
    assert r2_score(data.target.values[data.split.test], said) == pytest.approx(told, abs=1e-4)


@pytest.mark.slow
def test_a_contest_compares_in_the_unit_of_the_targets(table: Path, tmp_path: Path) -> None:
    root = studied(tmp_path / "mlruns", table, {"plain": (), "logs": LOGS}, "metric=r2")
    scores = {name: root.result(name)["test"]["r2"] for name in ("plain", "logs")}
    assert promoted(root, "plain")["contest"]["ours"] == pytest.approx(scores["plain"], abs=1e-4)
    found = promoted(root, "logs")
    assert found["alias"] == "champion"
    assert found["contest"]["ours"] == pytest.approx(scores["logs"], abs=1e-4)
    assert found["contest"]["theirs"] == pytest.approx(scores["plain"], abs=1e-4)
    # Today's targets are plain again: the champion's predictions are in their unit, too.
    client = MlflowClient(f"sqlite:///{root.root}/mlflow.db")
    client.set_registered_model_alias("tuner", "champion", "2")
    back = promoted(root, "plain")
    assert back["alias"] == "challenger"
    assert back["contest"]["theirs"] == pytest.approx(scores["logs"], abs=1e-4)
