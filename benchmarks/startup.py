"""How soon a command answers: --help, a wrong setting, the first trial, and the first run ever.

`first trial` is the time from the start of the command to the end of the first call of compiled
code, which evaluates the trials before their first step. Warm: everything is compiled, and the
store exists. Ever: an empty cache of compiled code and an empty folder, as after an installation.

    python benchmarks/startup.py [--quick] [--json] [--rounds 5]
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _measure import Target, arguments, finish, ran

WATCHED = Path(__file__).with_name("_watched.py")
ANSWERS = {"--help": (["--help"], 0), "a wrong setting": (["optimizer.adam.lr=-1"], 2)}
STUDY = ("+experiment=adam", "budget.trials=4", "budget.epochs=2")


def answers(settings: list[str], code: int, folder: Path) -> dict[str, float]:
    done = ran([sys.executable, "-m", "tuner", *settings], cwd=folder)
    if done.code != code:
        raise RuntimeError(f"{settings} ended with {done.code}, not {code}:\n{done.output}")
    return {"wall": done.wall, "cpu": done.cpu}


def first_trial(folder: Path, study: str, **environment: str) -> dict[str, float]:
    """Seconds until compiled code has run, and until the end: elapsed and processor time."""
    report, began = folder / "report.json", time.time()
    settings = [*STUDY, f"root={folder / 'results'}", f"study.name={study}"]
    done = ran([sys.executable, str(WATCHED), str(report), *settings], cwd=folder, **environment)
    if done.code:
        raise RuntimeError(f"{settings} ended with {done.code}:\n{done.output}")
    watched = json.loads(report.read_text())["watched"]
    at, cpu = watched["kernels"]["first"]
    return {"first trial": at - began, "its cpu": cpu, "wall": done.wall, "cpu": done.cpu}


def measure(rounds: int, ever: bool) -> dict[str, dict[str, float]]:
    """Medians over the rounds; the first run ever is measured once."""
    told: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if ever:
            empty = {"NUMBA_CACHE_DIR": str(folder / "numba"), "MPLCONFIGDIR": str(folder / "mpl")}
            told["first run ever"] = [first_trial(folder, "ever", **empty)]
        first_trial(folder, "warm")
        for i in range(rounds):
            for what, (settings, code) in ANSWERS.items():
                told.setdefault(what, []).append(answers(settings, code, folder))
            told.setdefault("a study, warm", []).append(first_trial(folder, f"round{i}"))
    return {
        what: {key: statistics.median(own[key] for own in rows) for key in rows[0]}
        for what, rows in told.items()
    }


def targets(report: dict[str, Any]) -> list[Target]:
    def at_most(what: str, asked: float, reached: float) -> Target:
        return Target(what, asked, reached, "s", at_most=True, is_ratio=False)

    return [
        at_most("--help, CPU", 0.7, report["--help"]["cpu"]),
        at_most("a wrong setting, CPU", 1.0, report["a wrong setting"]["cpu"]),
        at_most("first trial, warm, wall", 3.0, report["a study, warm"]["first trial"]),
    ]


def show(report: dict[str, Any]) -> None:
    print(f"{'seconds':<20}{'first trial':>14}{'CPU':>8}{'to the end':>14}{'CPU':>8}")
    for what, own in report.items():
        first = ""
        if "first trial" in own:
            first = f"{own['first trial']:14.2f}{own['its cpu']:8.2f}"
        print(f"{what:<20}{first:22}{own['wall']:14.2f}{own['cpu']:8.2f}")


def main() -> int:
    given = arguments(__doc__, rounds=5)
    parsed = given.parse_args()
    report = measure(1 if parsed.quick else parsed.rounds, ever=not parsed.quick)
    return finish(parsed, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
