"""What tuner adds to a training function of the user's, and what workers gain.

A yield: 32 trials of a function that does nothing train together with MLflow, for few epochs and
for many. The difference is the cost of a yield: its log, the guard, the race, and MLflow's curves.

Workers: eight trials sleep, in this process and in four workers. Measured are the time from the
first trial's start to the last one's end, and the whole command with the start of the workers.

    python benchmarks/functions.py [--quick] [--json] [--rounds 3]
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from _measure import Ran, Target, arguments, finish, ran

SCRIPT = """
import time

import tuner


def train(
    lr: float = tuner.range(1e-3, 1.0, scale="log"),
    sleep: float = 0.0,
    *,
    epochs: int,
    seed: int,
):
    loss = 1.0
    for epoch in range(epochs):
        time.sleep(sleep)
        loss *= 1 - 0.01 * lr
        clock = {"clock": time.time()} if sleep else {"validation_accuracy": 1 - loss}
        yield {"train_loss": loss, "validation_loss": loss, **clock}


if __name__ == "__main__":
    tuner.main(train)
"""
ALIKE = ("pruner=none", "confirm.top=1", "confirm.seeds=3", "stop.when_noise=false", "quiet=true")
TRIALS, SLEEPERS, WORKERS = 32, 8, 4


class Slept(NamedTuple):
    """Seconds of a command, and of the functions in it."""

    command: float
    functions: float


def command(folder: Path, *settings: str) -> Ran:
    """Runs a command on a new root; raises RuntimeError if it fails."""
    script = folder / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = ran([sys.executable, str(script), *ALIKE, *settings], cwd=folder)
    if done.code:
        raise RuntimeError(f"{' '.join(settings)} ended with {done.code}:\n{done.output}")
    return done


def yields(few: int, many: int, tracking: str) -> dict[str, float]:
    """Milliseconds per yield: elapsed time, and processor time of all cores together."""
    own = (f"study.cohort={TRIALS}", f"budget.trials={TRIALS}", f"tracking={tracking}")
    costs = []
    for epochs in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            costs.append(command(Path(folder), *own, f"budget.epochs={epochs}"))
    short, long = costs
    # The confirmation yields too, on its two sets of three seeds.
    more = (many - few) * (TRIALS + 6)
    return {
        "wall": 1000 * (long.wall - short.wall) / more,
        "cpu": 1000 * (long.cpu - short.cpu) / more,
    }


def sleepers(workers: int, seconds: float, epochs: int) -> Slept:
    """Measures functions that sleep."""
    own = (
        f"workers={workers}",
        f"budget.trials={SLEEPERS}",
        f"study.cohort={SLEEPERS}",
        "confirm.top=0",
        f"budget.epochs={epochs}",
        f"train.sleep={seconds}",
        "tracking=none",
    )
    with tempfile.TemporaryDirectory() as folder:
        wall = command(Path(folder), *own).wall
        logs = Path(folder).glob("mlruns/studies/train/trials/*/yields.jsonl")
        entries = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    clocks = [entry["metrics"]["clock"] for entry in entries if "metrics" in entry]
    assert len(clocks) == SLEEPERS * epochs
    return Slept(wall, max(clocks) - min(clocks) + seconds)


def main() -> int:
    parser = arguments(__doc__, rounds=3)
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    few, many = (5, 55) if given.quick else (10, 310)
    sleep, epochs = (0.15, 6) if given.quick else (0.5, 16)
    tracked = ("mlflow",) if given.quick else ("none", "mlflow")
    measured = {name: [yields(few, many, name) for _ in range(rounds)] for name in tracked}
    report: dict[str, Any] = {
        f"a yield, tracking={name}": {
            f"{clock}, ms": statistics.median(own[clock] for own in found)
            for clock in ("wall", "cpu")
        }
        for name, found in measured.items()
    }
    alone, four = (sleepers(n, sleep, epochs) for n in (1, WORKERS))
    for name, slept in (("one process", alone), (f"{WORKERS} workers", four)):
        what = {"functions, s": slept.functions, "command, s": slept.command}
        report[f"{SLEEPERS} that sleep, {name}"] = what
    each = report["a yield, tracking=mlflow"]["cpu, ms"]
    targets = [
        Target(f"a yield of {TRIALS} trials, CPU of all processes", 0.5, each, "ms", True, False),
        Target(
            f"{SLEEPERS} functions that sleep {sleep * epochs:g} s: {WORKERS} workers",
            3.5,
            alone.functions / four.functions,
        ),
    ]

    def show() -> None:
        for what, own in report.items():
            print(f"{what:<30}", *(f"{key}: {value:<10.3f}" for key, value in own.items()))

    return finish(given, report, targets, show)


if __name__ == "__main__":
    sys.exit(main())
