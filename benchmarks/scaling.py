"""How time and memory grow: with trials, epochs, rows, threads and the size of the data.

Every line is a separate command, without pruning and confirmation, in which one number grows.
`more` is the cost of one more unit since the line before, in CPU seconds and in bytes of memory; if
the cost is linear, it stays the same from line to line. Memory is the peak of the process, without
its children. `trials` runs with random settings and with TPE, whose proposals cost more, the more
trials it knows.

    python benchmarks/scaling.py [--quick] [--json] [--only trials]
"""

import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Ran, Target, arguments, finish, tuner

MEGABYTE = 1e6
IMAGES, INPUTS = 60_000, 784
COMMON = (
    "pruner=none", "confirm.top=0", "study.name=scaling", "model=mlp", "study.defaults=false",
)  # fmt: skip
SMALL = ("data=iris", "model.mlp.hidden=[8]", "budget.epochs=2")
DIGITS = ("data=digits", "tracking=none", "sampler=random")


@dataclass(frozen=True)
class Axis:
    """What grows: the settings that state it, with `{}` for the number; the other settings; the
    numbers, and those of the short form, which leaves out an axis without any."""

    grows: tuple[str, ...]
    stay: tuple[str, ...]
    values: tuple[int, ...]
    quick: tuple[int, ...]
    unit: str


def images(name: str) -> tuple[str, ...]:
    """The settings of a study on stored random images of Fashion-MNIST's size."""
    return (
        "data=npz", f"data.path={name}", "data.target=y.npy", "data.task=multiclass",
        "data.scale=none", "tracking=none", "sampler=random", "batch_size=128",
    )  # fmt: skip


TRIALS = (10, 30, 100, 300, 1000, 3000)
AXES = {
    "trials, random settings": Axis(
        ("budget.trials={}",), (*SMALL, "sampler=random"), TRIALS, (10, 30), "trial"
    ),
    "trials, TPE": Axis(("budget.trials={}",), (*SMALL, "sampler=tpe"), TRIALS, (), "trial"),
    "epochs": Axis(
        ("budget.epochs={}",), (*DIGITS, "budget.trials=16"), (10, 30, 100, 300, 1000), (),
        "epoch",
    ),
    "rows": Axis(
        ("budget.trials={}", "study.cohort={}"), (*DIGITS, "budget.epochs=30"),
        (1, 4, 16, 64, 256), (), "row",
    ),
    "threads": Axis(
        ("threads={}",), (*DIGITS, "budget.trials=64", "study.cohort=64", "budget.epochs=100"),
        (1, 2), (), "thread",
    ),
    "samples": Axis(
        ("data.path=X{}.npy", "data.target=y{}.npy"),
        (*images("X.npy"), "budget.trials=16", "budget.epochs=5"),
        (1000, 3000, 10_000, 30_000, 60_000), (), "sample",
    ),
}  # fmt: skip


def store(folder: Path, samples: int) -> None:
    """Writes X{samples}.npy and y{samples}.npy: random pixels and classes."""
    rng = np.random.default_rng(0)
    np.save(folder / f"X{samples}.npy", rng.random((samples, INPUTS), np.float32))
    np.save(folder / f"y{samples}.npy", rng.integers(10, size=samples))


def once(settings: tuple[str, ...], samples: int = 0) -> Ran:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if samples:
            store(folder, samples)
        return tuner(*settings, f"root={folder / 'results'}", cwd=folder)


def measure(axis: Axis, quick: bool) -> list[dict[str, Any]]:
    """For each number: seconds, bytes, and the cost of one more unit since the number before."""
    rows: list[dict[str, Any]] = []
    for number in axis.quick if quick else axis.values:
        grown = tuple(setting.format(number) for setting in axis.grows)
        done = once((*COMMON, *axis.stay, *grown), number if axis.unit == "sample" else 0)
        rows.append({"number": number, "wall": done.wall, "cpu": done.cpu, "peak": done.peak})
    for before, after in pairwise(rows):
        step = after["number"] - before["number"]
        after["more cpu"] = (after["cpu"] - before["cpu"]) / step
        after["more peak"] = (after["peak"] - before["peak"]) / step
    return rows


def memory() -> dict[str, float]:
    """Bytes of 32 rows on as many images as in Fashion-MNIST, and of the data in float32."""
    settings = ("model.mlp.hidden=[64]", "budget.trials=32", "study.cohort=32", "budget.epochs=1")
    path = (f"data.path=X{IMAGES}.npy", f"data.target=y{IMAGES}.npy")
    done = once((*COMMON, *images("X.npy"), *settings, *path), IMAGES)
    return {"peak": done.peak, "data": IMAGES * INPUTS * 4}


def targets(report: dict[str, Any]) -> list[Target]:
    out = []
    for name, rows in report["axes"].items():
        if name.startswith("trials") and len(rows) > 3:
            grown = rows[-1]["more peak"] / 1e3
            what = f"{name}: memory that a finished trial leaves"
            out.append(Target(what, 20, grown, "kB", at_most=True, is_ratio=False))
    if "memory" in report:
        told = report["memory"]
        above = (told["peak"] - told["data"]) / MEGABYTE
        what = "60,000 images, 32 rows: memory beside the data"
        out.append(Target(what, 600, above, "MB", at_most=True, is_ratio=False))
    return out


def show(report: dict[str, Any]) -> None:
    for name, rows in report["axes"].items():
        print(f"\n{name:<26}{'wall s':>9}{'CPU s':>9}{'memory MB':>11}{'more CPU ms':>13}"
              f"{'more kB':>10}")  # fmt: skip
        for row in rows:
            line = f"    {row['number']:<22,}{row['wall']:9.2f}{row['cpu']:9.2f}"
            line += f"{row['peak'] / MEGABYTE:11.0f}"
            if "more cpu" in row:
                line += f"{1e3 * row['more cpu']:13.3f}{row['more peak'] / 1e3:10.2f}"
            print(line)
    if "memory" in report:
        told = report["memory"]
        print(f"\n60,000 images, 32 rows: {told['peak'] / MEGABYTE:.0f} MB, "
              f"of which the data {told['data'] / MEGABYTE:.0f} MB")  # fmt: skip


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="axes whose name holds it")
    given = parser.parse_args()
    chosen = {
        name: axis
        for name, axis in AXES.items()
        if given.only in name and (axis.quick or not given.quick)
    }
    with_memory = not given.quick and given.only in "memory"
    if not chosen and not with_memory:
        parser.error(f"--only: {given.only}: must be a part of one of: {', '.join(AXES)}, memory")
    report: dict[str, Any] = {"axes": {n: measure(a, given.quick) for n, a in chosen.items()}}
    if with_memory:
        report["memory"] = memory()
    return finish(given, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
