"""Where the time of a study goes: sampling, storage, tracking, kernels, Python, start and end.

A study runs as usual, in a process that watches the functions for these things from outside. Each
second of the study's thread counts once, for the innermost watched function. Training is divided
between kernels and Python in the proportion of all its threads; waiting for the other threads
counts as Python.

    python benchmarks/overhead.py [--quick] [--json] [--only digits] [<settings of tuner>]
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import Target, arguments, finish, ran

WATCHED = Path(__file__).with_name("_watched.py")
STUDIES = {
    "digits": ("+experiment=adam", "pruner=none", "budget.trials=100"),
    "fashion_mnist": ("+experiment=fashion_mlp",),
}
QUICK = ("+experiment=adam", "budget.trials=8", "budget.epochs=5")


def shares(told: dict[str, Any], wall: float, threads: int) -> dict[str, float]:
    """Seconds of the study's thread by purpose; their sum is `wall`."""
    seconds = {name: own["main"] for name, own in told["watched"].items()}
    training = seconds.pop("training", 0.0) + seconds.pop("kernels", 0.0)
    kernels = min(training, told["watched"].get("kernels", {"all": 0.0})["all"] / threads)
    seconds |= {"kernels": kernels, "Python in training": training - kernels}
    read = told["watched"]["data"]["first"][0]
    seconds["start: interpreter, imports, config"] = read - told["started"] - seconds["data"]
    seconds["other"] = wall - sum(seconds.values())
    return seconds


def measure(settings: tuple[str, ...], threads: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, str(WATCHED), str(report), *settings]
        done = ran([*command, f"root={folder}", f"threads={threads}"], cwd=Path(folder))
        if done.code:
            raise RuntimeError(f"{' '.join(settings)} ended with {done.code}:\n{done.output}")
        told = json.loads(report.read_text())
    return {
        "wall": done.wall,
        "cpu": told["cpu"],
        "cpu of the processes beside it": told["children cpu"],
        "seconds": shares(told, done.wall, threads),
    }


def targets(report: dict[str, Any]) -> list[Target]:
    if "fashion_mnist" not in report:
        return []
    told = report["fashion_mnist"]
    spent = told["seconds"].get("tracking", 0.0) + told["seconds"].get("storage", 0.0)
    kept = told["seconds"].get("checkpoints", 0.0)
    return [
        Target(
            f"Fashion-MNIST: {what}, share of wall time", most, 100 * own / told["wall"], "%", True
        )
        for what, most, own in (("tracking and storage", 10, spent), ("checkpoints", 2, kept))
    ]


def show(report: dict[str, Any]) -> None:
    for name, told in report.items():
        beside = told["cpu of the processes beside it"]
        print(f"\n{name}: {told['wall']:.1f} s wall, {told['cpu']:.1f} s CPU, "
              f"and {beside:.1f} s CPU of the processes beside it")  # fmt: skip
        for what, seconds in sorted(told["seconds"].items(), key=lambda item: -item[1]):
            print(f"    {what:<38}{seconds:8.2f} s{100 * seconds / told['wall']:7.1f} %")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=list(STUDIES), help="one of the two studies")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("settings", nargs="*", help="a study of your own, as tuner takes them")
    given = parser.parse_args()
    studies = {name: own for name, own in STUDIES.items() if given.only in (None, name)}
    if given.quick:
        studies = {"digits, short": QUICK}
    if given.settings:
        studies = {" ".join(given.settings): tuple(given.settings)}
    report = {name: measure(own, given.threads) for name, own in studies.items()}
    return finish(given, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
