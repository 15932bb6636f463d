"""What must hold after a command and at the end of a study, whatever happened to it."""

import json
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _faults import stored
from _faults.studies import Done, Study

# Lines of progress on standard error, including the very first line.
PROGRESS = re.compile(
    r"\d+/\d+ trials|training |compiling for this machine|tuner: study \w+ is (new|taken up): "
)

# A line that may come in addition to that of an error.
WAITING = re.compile(r"tuner: \d+ records? waits? for MLflow")

# Files that a study may keep after a fault: damaged ones, and the log of a crash.
KEPT = re.compile(r"optuna\.journal\.damaged|checkpoints/damaged-.*|crash\.log|.*\.damaged")


@dataclass(frozen=True)
class Reference:
    """The final state of an undisturbed study, and the duration of its last command.

    Args:
        result: the part of its result that the seed determines, as JSON.
        runs: its runs in MLflow.
        files: the files in its folder.
        phases: the seconds of each phase of its last command.
        wall: the seconds of that command.
    """

    result: str
    runs: stored.Runs
    files: frozenset[str]
    phases: dict[str, float]
    wall: float


def of_command(done: Done, codes: Collection[int]) -> list[str]:
    """What is wrong with the way a command ended.

    Args:
        done: the command.
        codes: the allowed exit codes, negative ones as in subprocess.
    """
    if done.code is None:
        return ["a command hangs"]
    wrong = []
    if done.code not in codes:
        wrong.append(f"exit code {done.code}, not {sorted(codes)}: {done.err.strip()[-300:]!r}")
    # Before the program's first line Python itself handles a signal, with a traceback.
    if "Traceback" in done.out + done.err and done.code >= 0:
        wrong.append(f"a traceback is printed: {done.err.strip()[-300:]!r}")
        return wrong
    lines = [line for line in done.err.splitlines() if line and not PROGRESS.match(line)]
    if done.code >= 0:
        wrong += [f"on stderr: {line!r}" for line in lines if not line.startswith("tuner: ")]
    told = [line for line in lines if line.startswith("tuner: ") and not WAITING.match(line)]
    if done.code in (1, 2, 75) and len(told) != 1:
        wrong.append(f"an error is told in {len(told)} lines: {told}")
    return wrong


def of_study(study: Study, trials: int, reference: Reference, database: Path) -> list[str]:
    """What is wrong with a study after its end."""
    file = study.own / "result.json"
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"result.json cannot be read: {error}"]
    wrong = []
    if as_text(saved["result"]) != reference.result:
        wrong.append(f"result.json: {first_difference(saved['result'], reference.result)}")
    states = study.trials()
    if sorted(states) != list(range(trials)) or None in states.values():
        wrong.append(f"the record has trials in states {states}")
    try:
        runs, found = stored.read(database, saved["run"]["key"] if is_shared(study) else None)
        wrong += found + stored.differences(runs, reference.runs)
    except Exception as error:
        wrong.append(f"MLflow: {database.name} cannot be read: {error}")
    files = files_of(study)
    wrong += [f"{name} is missing" for name in sorted(reference.files - files)]
    wrong += [f"{name} is left" for name in sorted(files - reference.files)]
    return wrong + left_running(study)


def is_shared(study: Study) -> bool:
    """Whether MLflow's database also holds other studies."""
    return any(setting.startswith("tracking.uri=") for setting in study.settings)


def left_running(study: Study) -> list[str]:
    """Processes of a study that are still running seconds after its command."""
    last = time.monotonic() + 5
    while (left := study.processes()) and time.monotonic() < last:
        time.sleep(0.1)
    return [f"is still running: {line}" for line in left]


def files_of(study: Study) -> frozenset[str]:
    """The files in a study's folder, except those that it may keep after a fault."""
    names = (str(f.relative_to(study.own)) for f in study.own.rglob("*") if f.is_file())
    return frozenset(name for name in names if not KEPT.fullmatch(name))


def as_text(result: Any) -> str:
    """A result as JSON."""
    return json.dumps(result, indent=1)


def first_difference(result: Any, asked: str) -> str:
    """The first line in which a result differs from the expected one."""
    own, other = as_text(result).splitlines(), asked.splitlines()
    for i in range(max(len(own), len(other))):
        if own[i : i + 1] != other[i : i + 1]:
            return f"line {i}: {own[i : i + 1]}, not {other[i : i + 1]}"
    return "the same"
