"""What benchmarks share: works timed in turn, commands from outside, what is to be reached."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]

# Shorter work is repeated, so that the clock's resolution and a cold cache matter little.
SHORTEST = 0.05


class Cost(NamedTuple):
    """Seconds of one unit of work: elapsed time, and processor time of all cores together."""

    wall: float
    cpu: float


Work = Callable[[], Cost]


def timed(work: Callable[[], object], units: int = 1) -> Work:
    """Makes a function that measures the work in this process; a call does `units` units."""

    def measured() -> Cost:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return Cost((time.perf_counter() - wall) / units, (time.process_time() - cpu) / units)

    return measured


def in_turn(works: Mapping[str, Work], rounds: int) -> dict[str, list[Cost]]:
    """The costs of each work by round; they take turns, so that a busy machine slows all alike."""
    times = {}
    for name, work in works.items():
        work()  # compiles and fills caches
        began = time.perf_counter()
        work()
        times[name] = max(1, round(SHORTEST / (time.perf_counter() - began)))
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            every = [work() for _ in range(times[name])]
            costs[name].append(Cost(*(statistics.fmean(c) for c in zip(*every, strict=True))))
    return costs


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def ratio(slow: Sequence[Cost], fast: Sequence[Cost], clock: str = "cpu") -> float:
    """The cost of the first over that of the second: the median over the rounds."""
    return statistics.median(
        getattr(s, clock) / getattr(f, clock) for s, f in zip(slow, fast, strict=True)
    )


class Ran(NamedTuple):
    """A command that ended: its seconds, with those of its children; its peak memory in bytes,
    without its children; its exit code and its output."""

    wall: float
    cpu: float
    peak: int
    code: int
    output: str


def ran(command: Sequence[str], *, cwd: Path, **environment: str) -> Ran:
    """Runs a command to its end."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        peak = 0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, high_water(process.pid))
            time.sleep(0.01)
        wall, usage = time.perf_counter() - began, ended[2]
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        output.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return Ran(wall, cpu, peak, process.returncode, output.read())


def tuner(*settings: str, cwd: Path, **environment: str) -> Ran:
    """Runs `python -m tuner` with these settings. Raises RuntimeError if it fails."""
    done = ran([sys.executable, "-m", "tuner", *settings], cwd=cwd, **environment)
    if done.code:
        raise RuntimeError(f"tuner {' '.join(settings)} ended with {done.code}:\n{done.output}")
    return done


def high_water(pid: int) -> int:
    """The peak memory of a running process in bytes; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


@dataclass(frozen=True)
class Target:
    """A number to reach: at least `asked`, or with `at_most` at most that.

    is_ratio: whether it compares two things measured side by side, so that it means the same on
    any machine.
    """

    what: str
    asked: float
    reached: float
    unit: str = "x"
    at_most: bool = False
    is_ratio: bool = True

    @property
    def share(self) -> float:
        """The share of the target that is reached; 1 or more is all of it."""
        return self.asked / self.reached if self.at_most else self.reached / self.asked

    def __str__(self) -> str:
        bound = "at most" if self.at_most else "at least"
        told = "" if self.share >= 1 else "   missed"
        return f"{self.what:<66}{self.reached:8.3g} {self.unit}, {bound} {self.asked:g}{told}"


def arguments(doc: str, rounds: int | None = None) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks share."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--quick", action="store_true",
        help="the short form; its exit code is 1 if a ratio is below half of what is asked",
    )  # fmt: skip
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds)
    return parser


def finish(
    given: argparse.Namespace, report: Any, targets: Sequence[Target], show: Callable[[], None]
) -> int:
    """Prints the measurements and the targets; returns the exit code."""
    if given.json:
        told = [{**asdict(t), "share": t.share} for t in targets]
        print(json.dumps({"report": report, "targets": told}))
    else:
        show()
        if targets:
            print("\nto reach")
        for target in targets:
            print(f"    {target}")
    return int(given.quick and any(t.is_ratio and t.share < 0.5 for t in targets))
