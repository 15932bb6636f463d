"""A whole study, beside the script that most people write: Optuna, MLPClassifier and MLflow.

Both sides have the same digits, split and scaled alike, the same network, space, epochs and trials,
and keep every curve of every trial in MLflow on SQLite. They run once without pruning, and once
each with its own. `bests` are the seconds from the start to each new best validation loss; the
script knows it after each epoch, and tuner after a whole cohort.

    python benchmarks/end_to_end.py [--quick] [--json] [--trials 100] [--epochs 30]
"""

import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Target, arguments, finish, ran, tuner

from tuner.composing import compose
from tuner.config import check

SCRIPT = Path(__file__).with_name("_usual_script.py")
SETTINGS = (
    "data=digits",
    "model=mlp",
    "model.mlp.hidden=[64]",
    "batch_size=32",
    "schedule=constant",
    "optimizer=adam",
    "optimizer.adam.lr={low: 1e-5, high: 1e-1, scale: log}",
    "optimizer.adam.beta1={low: 0.5, high: 0.98, scale: reverse_log}",
    "optimizer.adam.beta2={low: 0.9, high: 0.9999, scale: reverse_log}",
    "study.name=digits",
)
PRUNERS = {"no pruning": "none", "own pruning": "halving"}

Bests = list[tuple[float, float]]


def prepare(folder: Path) -> Path:
    """Writes the rows for the script, split and scaled as by tuner."""
    from tuner.study.data import load_data

    data = load_data(check(compose([*SETTINGS], None)))
    assert data is not None
    train, validation = data.folds[0]
    assert validation is not None
    path = folder / "digits.npz"
    np.savez(path, X=train.X, y=train.y, X_validation=validation.X, y_validation=validation.y)
    return path


def ours(folder: Path, trials: int, epochs: int, pruning: str) -> dict[str, Any]:
    began = time.time()
    budget = (f"budget.trials={trials}", f"budget.epochs={epochs}", f"pruner={PRUNERS[pruning]}")
    done = tuner(*SETTINGS, *budget, f"root={folder}", cwd=folder)
    return {"wall": done.wall, "cpu": done.cpu, "bests": bests_of(folder, began)}


def bests_of(folder: Path, began: float) -> Bests:
    """When the study reported each new best; pruned trials count too."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = folder / "studies" / "digits" / "optuna.journal"
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    study = optuna.load_study(study_name="digits", storage=optuna.storages.JournalStorage(backend))
    told = sorted(
        (t.datetime_complete.timestamp() - began, min(reached_by(t), default=math.inf))
        for t in study.get_trials(deepcopy=False)
        if t.datetime_complete is not None
    )
    bests: Bests = []
    for seconds, loss in told:
        if not bests or loss < bests[-1][1]:
            bests.append((seconds, loss))
    return bests


def reached_by(trial: Any) -> list[float]:
    curve = trial.user_attrs["summary"]["curves"]["validation_loss"]
    return [loss for loss in curve if loss is not None]


def theirs(folder: Path, data: Path, trials: int, epochs: int, pruning: str) -> dict[str, Any]:
    command = [
        sys.executable, str(SCRIPT), "--data", str(data), "--folder", str(folder),
        "--trials", str(trials), "--epochs", str(epochs),
        *(["--pruning"] if pruning == "own pruning" else []),
    ]  # fmt: skip
    done = ran(command, cwd=folder)
    if done.code:
        raise RuntimeError(f"{SCRIPT.name} ended with {done.code}:\n{done.output}")
    return {
        "wall": done.wall,
        "cpu": done.cpu,
        "bests": [tuple(b) for b in json.loads((folder / "best.json").read_text())],
    }


def seconds_to(bests: Bests, loss: float) -> float:
    """When a loss was reached; infinity if it never was."""
    return next((seconds for seconds, best in bests if best <= loss), math.inf)


def compared(given: Any, pruning: str) -> dict[str, Any]:
    """Runs both sides in turn for several rounds, and compares their costs."""
    rounds = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = prepare(folder)
            sides = {}
            for side in ("tuner", "script"):
                own = folder / side
                own.mkdir()
                size = (given.trials, given.epochs, pruning)
                sides[side] = ours(own, *size) if side == "tuner" else theirs(own, data, *size)
            rounds.append(sides)
    told: dict[str, Any] = {"rounds": rounds}
    for clock in ("wall", "cpu"):
        told[clock] = statistics.median(r["script"][clock] / r["tuner"][clock] for r in rounds)
    told["sooner"] = statistics.median(map(sooner, rounds))
    return told


def sooner(sides: dict[str, Any]) -> float:
    """How many times as fast tuner reaches the script's best validation loss; 0 for never."""
    reached, best = sides["script"]["bests"][-1]
    return float(reached / seconds_to(sides["tuner"]["bests"], best))


def targets(report: dict[str, Any], given: Any) -> list[Target]:
    if given.quick:
        # Such a short study is mostly start and end, so only check that tuner wins at all.
        return [Target("no pruning, CPU", 1.0, report["no pruning"]["cpu"])]
    out = [Target("no pruning, wall time to the end", 15.0, report["no pruning"]["wall"])]
    if "own pruning" in report:
        best = report["own pruning"]["sooner"]
        out.append(Target("own pruning, time to the script's best", 10.0, best))
    return out


def show(report: dict[str, Any]) -> None:
    for pruning, told in report.items():
        print(f"\n{pruning}")
        for sides in told["rounds"]:
            for side, own in sides.items():
                best = own["bests"][-1]
                print(
                    f"    {side:<8}{own['wall']:8.1f} s wall{own['cpu']:8.1f} s CPU"
                    f"    best loss {best[1]:.5f} after {best[0]:.1f} s"
                )
            target = sides["script"]["bests"][-1][1]
            print(f"    {'':8}tuner had {target:.5f} after "
                  f"{seconds_to(sides['tuner']['bests'], target):.1f} s")  # fmt: skip
        print(f"    the script over tuner: {told['wall']:.1f} x wall, {told['cpu']:.1f} x CPU, "
              f"its best {told['sooner']:.1f} x later")  # fmt: skip


def main() -> int:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--only", choices=list(PRUNERS), help="one of the two comparisons")
    given = parser.parse_args()
    if given.quick:
        given.trials, given.epochs = min(given.trials, 8), min(given.epochs, 10)
        given.only = given.only or "no pruning"
    chosen = [given.only] if given.only else list(PRUNERS)
    report = {pruning: compared(given, pruning) for pruning in chosen}
    return finish(given, report, targets(report, given), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
