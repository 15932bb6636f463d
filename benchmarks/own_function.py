"""A function of one's own, tuned by tuner and by the script that most people write around it.

Both train the function of an example (the PyTorch one if PyTorch is installed) on the same space,
with the same number of trials of the same length, and keep every curve in MLflow on SQLite. tuner
prunes by halving and confirms the winner on fresh seeds, as by default; the script uses TPE and
MedianPruner, and its winner is its best trial. Then both winners are trained on the same seeds,
which neither side has seen.

    python benchmarks/own_function.py [--quick] [--json] [--trials 24] [--epochs 6] [--rounds 3]
"""

import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _examples import SCHEDULE, called, declaration
from _measure import REPOSITORY, Target, arguments, finish, ran

from tuner.function import Function

SCRIPT = Path(__file__).with_name("_usual_function.py")
TORCH, PLAIN = "torch_fashion", "numpy_loop"

# Seeds on which the winners are compared, far from those that tuner draws.
FRESH = range(1000, 1005)


def ours(own: Function, given: Any, seed: int, folder: Path) -> dict[str, Any]:
    """Runs the example's own command."""
    began = time.time()
    script = own.command.partition(" ")[2]
    schedule = [f"schedule={SCHEDULE}"] if "schedule" in own.asks else []
    done = ran(
        [
            sys.executable, str(REPOSITORY / script), *schedule, f"budget.trials={given.trials}",
            f"budget.epochs={given.epochs}", f"study.seed={seed}",
        ],
        cwd=folder,
    )  # fmt: skip
    if done.code:
        raise RuntimeError(f"{script} ended with {done.code}:\n{done.output}")
    study = folder / "mlruns/studies" / own.name
    winner = json.loads((study / "result.json").read_text())["result"]["winner"]
    prefix = f"{own.name}."
    settings = {
        path.removeprefix(prefix): value
        for path, value in winner["settings"].items()
        if path.startswith(prefix)
    }
    epochs, searched = search_of(study / "optuna.journal", own.name)
    return {
        "wall": done.wall, "cpu": done.cpu, "settings": settings, "epochs": epochs,
        "searched": searched - began,
    }  # fmt: skip


def search_of(journal: Path, name: str) -> tuple[int, float]:
    """The number of epochs that the search trained, and when it ended."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    study = optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))
    told = [t for t in study.get_trials(deepcopy=False) if t.datetime_complete is not None]
    epochs = sum(len(t.user_attrs["summary"]["curves"]["validation_loss"]) for t in told)
    return epochs, max(t.datetime_complete.timestamp() for t in told)


def theirs(given: Any, seed: int, folder: Path) -> dict[str, Any]:
    """Runs the script."""
    command = [
        sys.executable, str(SCRIPT), "--example", given.example, "--trials", str(given.trials),
        "--epochs", str(given.epochs), "--seed", str(seed),
    ]  # fmt: skip
    done = ran(command, cwd=folder)
    if done.code:
        raise RuntimeError(f"{SCRIPT.name} ended with {done.code}:\n{done.output}")
    best = json.loads((folder / "best.json").read_text())
    return {"wall": done.wall, "cpu": done.cpu, "searched": done.wall, **best}


def worth(own: Function, settings: dict[str, Any], epochs: int) -> list[float]:
    """The last validation loss of these settings on each of the fresh seeds."""
    found = []
    for seed in FRESH:
        with tempfile.TemporaryDirectory() as folder:
            *_, last = called(own, settings, epochs, seed, Path(folder))
        found.append(float(last["validation_loss"]))
    return found


def compared(given: Any) -> dict[str, Any]:
    """Runs both sides in turn, seed after seed."""
    own, rounds = declaration(given.example), []
    for seed in range(given.rounds):
        sides = {}
        for side in ("tuner", "script"):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                run = (
                    ours(own, given, seed, folder)
                    if side == "tuner"
                    else theirs(given, seed, folder)
                )
            run["losses"] = worth(own, run["settings"], given.epochs)
            run["loss"] = statistics.fmean(run["losses"])
            sides[side] = run
        rounds.append(sides)
    told: dict[str, Any] = {"example": given.example, "rounds": rounds}
    for clock in ("wall", "cpu", "searched", "epochs", "loss"):
        told[clock] = statistics.median(r["script"][clock] / r["tuner"][clock] for r in rounds)
    return told


def targets(report: dict[str, Any], given: Any) -> list[Target]:
    what = "loss of the winner on fresh seeds, the script's over tuner's"
    found = [Target(what, 1.0, report["loss"])]
    if not given.quick:
        # Such a short study is mostly start and end.
        found.append(
            Target("time of the search, the script's over tuner's", 1.0, report["searched"])
        )
    return found


def show(report: dict[str, Any], given: Any) -> None:
    print(f"{report['example']}, {given.trials} trials of {given.epochs} epochs")
    for sides in report["rounds"]:
        for side, own in sides.items():
            low, high = min(own["losses"]), max(own["losses"])
            print(
                f"    {side:<8}{own['epochs']:5} epochs, search {own['searched']:6.1f} s, in all "
                f"{own['wall']:6.1f} s wall {own['cpu']:6.1f} s CPU    loss on fresh seeds "
                f"{own['loss']:.4f} ({low:.4f} to {high:.4f})"
            )
    print(
        f"    the script over tuner: {report['epochs']:.2f} x epochs, {report['searched']:.2f} x "
        f"time of the search, {report['wall']:.2f} x wall, {report['cpu']:.2f} x CPU, "
        f"{report['loss']:.3f} x loss"
    )


def main() -> int:
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=6)
    has_torch = importlib.util.find_spec("torch") is not None
    parser.add_argument(
        "--example", default=TORCH if has_torch else PLAIN, help="the name of a file in examples/"
    )
    given = parser.parse_args()
    if given.quick:
        given.trials, given.epochs, given.rounds = min(given.trials, 8), min(given.epochs, 4), 1
        given.example = PLAIN
    report = compared(given)
    return finish(given, report, targets(report, given), lambda: show(report, given))


if __name__ == "__main__":
    sys.exit(main())
