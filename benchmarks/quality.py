"""Test accuracy of what tuner tunes, beside scikit-learn's own models tuned by random search.

In each case both sides make the same number of fits on the same rows: tuner trains `data.folds`
folds per trial, and RandomizedSearchCV has as many folds and settings. Both choose by the mean
accuracy of the folds. tuner does not prune, which would mean fewer fits, and does not confirm the
winner on fresh seeds, which would mean more. The winner is then trained on all rows except the test
part, and judged there. This is repeated for several seeds, which determine the split, the
initialisation and the tried settings. On Fashion-MNIST only tuner runs: it must reach a known
accuracy within a time.

The cost of pruning: studies run without it, and again with the first rung at several shares of the
training. The output is the number of trained epochs, and how far the lowest validation loss is
above that of the study without pruning, both as shares, means over the studies.

    python benchmarks/quality.py [--quick] [--json] [--only digits]
"""

import contextlib
import io
import json
import math
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Target, arguments, finish

from tuner.cli import main as command
from tuner.composing import compose
from tuner.config import check

SEEDS, QUICK_SEEDS = 5, 1
FITS, FOLDS, EPOCHS = 100, 5, 60
QUICK_FITS, QUICK_EPOCHS = 20, 15
ALPHA = {"low": 1e-6, "high": 1e-1}
# For linear models: like the rival's C from 1e-3 to 1e3, which is 1 / (l2 * training rows).
PENALTY = {"low": 1e-6, "high": 1.0}
RATES = {"low": 1e-4, "high": 1e-1}
NAME = "quality"
# A convex loss must be near its minimum after these epochs, as with the rival's solver.
LINEAR_RATES = {"low": 1e-3, "high": 1e-1}
BATCHES = [32, 128]
# For pruning: the studies, each with every seed, and the positions of the first rung.
PRUNED = (
    ("data=digits",),
    ("data=digits", "model=softmax"),
    ("data=breast_cancer",),
    ("data=diabetes",),
)
FIRST_RUNGS = (0.1, 0.15, 0.2, 0.3)
TRIALS, PRUNED_EPOCHS = 50, 30


@dataclass(frozen=True)
class Case:
    """A data set, tuner's model, and the rival's model with its search space."""

    settings: tuple[str, ...]
    rival: Callable[[int, int], tuple[Any, dict[str, Any]]]


def ranged(low: float, high: float) -> str:
    return f"{{low: {low}, high: {high}, scale: log}}"


def perceptron(seed: int, epochs: int) -> tuple[Any, dict[str, Any]]:
    """scikit-learn's network and its search space, with the same ranges as tuner's."""
    from scipy.stats import loguniform
    from sklearn.neural_network import MLPClassifier

    space = {
        "learning_rate_init": loguniform(RATES["low"], RATES["high"]),
        "alpha": loguniform(ALPHA["low"], ALPHA["high"]),
        "batch_size": BATCHES,
    }
    return MLPClassifier((64,), max_iter=epochs, random_state=seed), space


def logistic(seed: int, epochs: int) -> tuple[Any, dict[str, Any]]:
    """scikit-learn's logistic regression, trained to convergence whatever `epochs` is."""
    from scipy.stats import loguniform
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000), {"C": loguniform(1e-3, 1e3)}


TUNED = (
    "optimizer.adam.beta1=0.9",
    "optimizer.adam.beta2=0.999",
    f"batch_size={{choices: {BATCHES}}}",
)


def case(data: str, model: str) -> Case:
    deep = model == "mlp"
    settings = (
        f"data={data}",
        f"model={model}",
        *TUNED,
        f"optimizer.adam.lr={ranged(**(RATES if deep else LINEAR_RATES))}",
        f"model.{model}.l2={ranged(**(ALPHA if deep else PENALTY))}",
        *(["model.mlp.hidden=[64]"] if deep else []),
    )
    return Case(settings, perceptron if deep else logistic)


CASES = {
    "digits, mlp": case("digits", "mlp"),
    "digits, softmax": case("digits", "softmax"),
    "breast_cancer, mlp": case("breast_cancer", "mlp"),
    "breast_cancer, logistic": case("breast_cancer", "logistic"),
}

# Experiments of conf/: the test accuracy to reach, and the allowed seconds.
FASHION = {"fashion_mlp": (0.885, 300.0), "fashion_softmax": (0.843, 300.0)}


def run_study(folder: str, *settings: str) -> None:
    """Runs a study in a folder, without output."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = command([*settings, f"root={folder}", f"study.name={NAME}", "tracking=none"])
    if code:
        raise RuntimeError(f"tuner {' '.join(settings)} ended with {code}: {said.getvalue()}")


def study(*settings: str) -> dict[str, Any]:
    """Runs a study in a temporary folder; returns its result.json."""
    with tempfile.TemporaryDirectory() as folder:
        run_study(folder, *settings)
        path = Path(folder, "studies", NAME, "result.json")
        told: dict[str, Any] = json.loads(path.read_text())
        return told


def ours(case: Case, seed: int, fits: int, epochs: int) -> float:
    """The test accuracy of tuner's winner."""
    told = study(
        *case.settings, f"study.seed={seed}", f"data.folds={FOLDS}",
        f"budget.trials={fits // FOLDS}", f"budget.epochs={epochs}", "confirm.top=0",
        "metric=accuracy", "pruner=none",
    )  # fmt: skip
    return float(told["result"]["test"]["accuracy"])


def theirs(case: Case, seed: int, fits: int, epochs: int) -> float:
    """The test accuracy of the rival's winner on the same test rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tuner.study.data import load_data

    data = load_data(check(compose([*case.settings[:1], f"study.seed={seed}"], None)))
    assert data is not None
    X, y, parts = data.source.rows, data.target.values.ravel(), data.split
    model, space = case.rival(seed, epochs)
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), model),
        {f"{type(model).__name__.lower()}__{key}": values for key, values in space.items()},
        n_iter=fits // FOLDS,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        random_state=seed,
        n_jobs=-1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X[parts.rest], y[parts.rest])
    return float(search.score(X[parts.test], y[parts.test]))


def compared(case: Case, quick: bool) -> dict[str, Any]:
    """The test accuracies of both sides by seed, and the total seconds of each side."""
    fits, epochs = (QUICK_FITS, QUICK_EPOCHS) if quick else (FITS, EPOCHS)
    told: dict[str, Any] = {}
    for name, side in {"tuner": ours, "scikit-learn": theirs}.items():
        began = time.perf_counter()
        seeds = range(QUICK_SEEDS if quick else SEEDS)
        accuracies = [side(case, seed, fits, epochs) for seed in seeds]
        told[name] = {"accuracies": accuracies, "seconds": time.perf_counter() - began}
    return told


def searched(settings: tuple[str, ...], seed: int, epochs: int, *pruner: str) -> tuple[int, float]:
    """The number of epochs that a study trains, and its lowest validation loss."""
    told = study(
        *settings, f"study.seed={seed}", f"budget.trials={TRIALS}", f"budget.epochs={epochs}",
        "confirm.top=0", *pruner,
    )  # fmt: skip
    result = told["result"]
    return sum(trial["epochs"] for trial in result["all"]), result["best"]["validation_loss"]


def pruning(quick: bool) -> dict[str, dict[str, float]]:
    """The savings and the cost of halving, by the share of the training before the first rung."""
    epochs = QUICK_EPOCHS if quick else PRUNED_EPOCHS
    seeds = range(QUICK_SEEDS if quick else SEEDS)
    studies = [(own, seed) for own in PRUNED[: 1 if quick else None] for seed in seeds]
    whole = [searched(*own, epochs, "pruner=none") for own in studies]
    told = {}
    for rung in FIRST_RUNGS[: 1 if quick else None]:
        pruned = [searched(*own, epochs, f"pruner.first_rung={rung}") for own in studies]
        pairs = list(zip(pruned, whole, strict=True))
        above = np.array([math.log(own[1] / other[1]) for own, other in pairs])
        told[f"{rung:g}"] = {
            "epochs": statistics.fmean(own[0] / other[0] for own, other in pairs),
            "above": math.expm1(above.mean()),
            "error": float(above.std(ddof=1) / len(above) ** 0.5) if len(above) > 1 else 0.0,
            "worse": int((above > 0).sum()),
            "studies": len(studies),
        }
    return told


def fashion(experiment: str) -> dict[str, float]:
    began = time.perf_counter()
    told = study(f"+experiment={experiment}")
    seconds = time.perf_counter() - began
    return {"accuracy": told["result"]["test"]["accuracy"], "seconds": seconds}


def targets(report: dict[str, Any]) -> list[Target]:
    out = []
    for name, told in report["compared"].items():
        means = (statistics.fmean(told[s]["accuracies"]) for s in ("tuner", "scikit-learn"))
        own, other = (round(mean, 6) for mean in means)  # independent of the order of summation
        out.append(Target(f"{name}: mean test accuracy, as scikit-learn's", other, own, ""))
    for name, told in report["fashion"].items():
        accuracy, seconds = FASHION[name]
        out += [
            Target(f"{name}: test accuracy", accuracy, told["accuracy"], "", is_ratio=False),
            Target(f"{name}: time", seconds, told["seconds"], "s", at_most=True, is_ratio=False),
        ]
    return out


def show(report: dict[str, Any]) -> None:
    print(f"{'test accuracy':<28}{'mean':>9}{'spread':>9}{'seconds':>9}    by seed")
    for name, told in report["compared"].items():
        print(name)
        for side, own in told.items():
            accuracies = own["accuracies"]
            spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
            each = "  ".join(f"{a:.4f}" for a in accuracies)
            mean = statistics.fmean(accuracies)
            print(f"    {side:<24}{mean:9.4f}{spread:9.4f}{own['seconds']:9.0f}    {each}")
    if report["pruning"]:
        print(f"{'first rung at':<28}{'epochs':>9}{'above':>9}{'error':>9}    studies worse")
    for rung, told in report["pruning"].items():
        worse = f"{told['worse']} of {told['studies']}"
        print(
            f"    {rung:<24}{told['epochs']:9.3f}{told['above']:9.2%}{told['error']:9.2%}"
            f"    {worse}"
        )
    for name, told in report["fashion"].items():
        print(f"{name:<28}{told['accuracy']:9.4f}{'':9}{told['seconds']:9.0f}")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it")
    given = parser.parse_args()
    cases = {name: case for name, case in CASES.items() if given.only in name}
    images = [name for name in FASHION if given.only in name and not given.quick]
    known = [*CASES, "pruning", *FASHION]
    if not any(given.only in name for name in known):
        parser.error(f"--only: {given.only}: must be a part of {'; '.join(known)}")
    report = {
        "compared": {name: compared(case, given.quick) for name, case in cases.items()},
        "pruning": pruning(given.quick) if given.only in "pruning" else {},
        "fashion": {name: fashion(name) for name in images},
    }
    return finish(given, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
