"""What the end-to-end tests share: the command as a process or in this one, a finished study."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
SMALL = {
    "data": "iris",
    "model.mlp.hidden": "[8]",
    "budget.trials": "6",
    "budget.epochs": "4",
    "study.cohort": "4",
    "confirm.seeds": "3",
    "tracking": "none",
}
# Adam finishes, SGD diverges; half of each cohort is pruned.
TWO_OPTIMIZERS = (
    "+experiment=adam",
    "optimizer=[adam,sgd]",
    "optimizer.sgd.lr.high=1e30",
    "budget.trials=8",
    "budget.epochs=8",
)


# What a command that trains says before all else (tuner/report/first_word.py).
STATE = r"(is new|continues|keeps its record in \S+)"
FIRST_WORD = re.compile(rf"tuner: (study .* {STATE}: |job=\w+ on study ).*, in .*\n")


@dataclass
class Ended:
    """How a command ended; `err` is without its first word, which is in `first`."""

    code: int
    out: str
    err: str
    first: str = ""

    def __post_init__(self) -> None:
        if found := FIRST_WORD.match(self.err or ""):
            self.first, self.err = found.group(), self.err[found.end() :]

    @property
    def found(self) -> str:
        """What it printed, from the headline on: without what it understood of the data."""
        return re.sub(r"\A((Data|Auto): .*\n)+", "", self.out)


class Command:
    """`python -m tuner` on a root, with the settings of a small study where none are given."""

    def __init__(self, root: Path, small: Mapping[str, str] = SMALL) -> None:
        self.root, self.small = root, small

    def arguments(self, settings: tuple[str, ...]) -> list[str]:
        given = {setting.lstrip("+").partition("=")[0] for setting in settings}
        if "model" in given:
            given.add("model.mlp.hidden")
        small = {"root": str(self.root), **self.small}
        return [*settings, *(f"{key}={value}" for key, value in small.items() if key not in given)]

    def start(self, *settings: str, **more: Any) -> "subprocess.Popen[str]":
        """The command as a process of its own, in a folder where it must write nothing."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        cwd = self.root.parent / "elsewhere"
        cwd.mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "tuner", *self.arguments(settings)],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            **(pipes | more),
        )

    def run(self, *settings: str) -> Ended:
        """The command as a process, to its end."""
        return ended(self.start(*settings))

    def call(self, *settings: str) -> Ended:
        """The command inside this process, which saves the imports; signals as before."""
        from tuner.cli import main

        before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                code = main(self.arguments(settings))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Ended(code, out.getvalue(), err.getvalue())

    def folder(self, study: str = "study") -> Path:
        return self.root / "studies" / study

    def result(self, study: str = "study") -> dict[str, Any]:
        """What the seed determines of the outcome."""
        told = json.loads((self.folder(study) / "result.json").read_text())
        part: dict[str, Any] = told["result"]
        return part

    def states(self, study: str = "study") -> dict[int, str]:
        return {s["number"]: s["state"] for s in self.result(study)["all"]}


def ended(process: "subprocess.Popen[str]", timeout: float = 240) -> Ended:
    """Waits for a process; one that hangs is killed, and the test fails."""
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Ended(process.returncode, out, err)


def until(
    happened: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float = 120
) -> None:
    """Waits for something that a process does."""
    last = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < last
        time.sleep(0.02)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command on a root that is not there yet."""
    return Command(tmp_path / "mlruns")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, Ended]:
    """A tracked study of pruned, diverged and complete trials of two optimizers, run as a process.

    Read it, do not change it.
    """
    command = Command(tmp_path_factory.mktemp("finished") / "mlruns")
    return command, command.run(*TWO_OPTIMIZERS, "tracking=mlflow", "threads=2")


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes put in here are gone when the test is over."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
