"""A small real study in a folder of its own, run by commands that are watched from outside."""

import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

NAME = "faults"
SETTINGS = (
    "data=digits",
    "budget.epochs=40",
    "confirm.top=2",
    "confirm.seeds=3",
    f"study.name={NAME}",
    "study.cohort=4",
    "root=results",
    "threads=1",
)

# The trials of each command of a plan; faults happen during the last one.
PLANS = {"fresh": (8,), "extended": (5, 9)}

# The phases of a command that trains, in order.
PHASES = ("start", "training", "confirmation", "ending")

# Seconds between two looks at a command.
GLANCE = 0.005

# Seconds after which a command counts as hanging.
HANGS = 240.0

# Optuna's codes for the operations in its journal and for the final states of trials.
ASKED, STATE, OVER = 4, 6, (1, 2, 3)


class Instant(NamedTuple):
    """A moment of a command: seconds after the start of a phase, by `Command.clock`."""

    phase: str
    seconds: float


class Done(NamedTuple):
    """A command that ended; `code` is None if it was killed because it hung."""

    settings: tuple[str, ...]
    code: int | None
    out: str
    err: str
    wall: float


@dataclass
class Study:
    """A study.

    Args:
        folder: the current folder of its commands, which contains `root`.
        settings: settings of its commands, in addition to the common ones.
        environment: environment variables of its commands.
    """

    folder: Path
    settings: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    commands: int = 0

    @property
    def root(self) -> Path:
        return self.folder / "results"

    @property
    def own(self) -> Path:
        return self.root / "studies" / NAME

    @property
    def journal(self) -> Path:
        return self.own / "optuna.journal"

    @property
    def database(self) -> Path:
        return self.root / "mlflow.db"

    def start(self, trials: int, **streams: Any) -> "Command":
        """Starts the command that continues the study up to a number of trials."""
        return self.start_as((), trials, **streams)

    def start_as(self, wrapper: Sequence[str], trials: int, **streams: Any) -> "Command":
        """Starts the same command as the arguments of another command."""
        self.commands += 1
        return Command(self, wrapper, trials, streams)

    def run(self, trials: int) -> Done:
        """Runs the command to its end."""
        return self.start(trials).end()

    def trials(self) -> dict[int, int | None]:
        """The trials in its journal, with the final state of each."""
        content = self.journal.read_bytes() if self.journal.exists() else b""
        states: dict[int, int | None] = {}
        for line in content.splitlines():
            try:
                log = json.loads(line)
            except ValueError:
                continue
            if log["op_code"] == ASKED:
                states[len(states)] = log["state"] if log["state"] in OVER else None
            elif log["op_code"] == STATE and log["state"] in OVER:
                states[log["trial_id"]] = log["state"]
        return states

    def processes(self) -> list[str]:
        """The processes that work in its folder, a line each."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if Path(os.readlink(process / "cwd")).is_relative_to(self.folder.resolve()):
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found.append(f"{process.name}: {command.decode()}")
            except OSError:
                continue
        return found


class Command:
    """A running command of a study; the arguments are those of `Study.start_as`."""

    def __init__(
        self, study: Study, wrapper: Sequence[str], trials: int, streams: Mapping[str, Any]
    ) -> None:
        self.study, self.trials = study, trials
        self.settings = (*SETTINGS, *study.settings, f"budget.trials={trials}")
        self.logs = [study.folder / f"command{study.commands}.{name}" for name in ("out", "err")]
        self.size, self.states = 0, study.trials()
        self.before = len(self.states)
        self.began, self.started = time.time(), time.monotonic()
        with self.logs[0].open("wb") as out, self.logs[1].open("wb") as err:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "tuner", *self.settings],
                cwd=study.folder,
                env={**os.environ, **study.environment},
                stdin=subprocess.DEVNULL,
                **{"stdout": out, "stderr": err, **streams},
            )

    def phase(self) -> str:
        """The command's current phase, according to the files that it has written."""
        picture = self.study.own / "learning_rates.png"
        try:
            if picture.stat().st_mtime > self.began:
                return "ending"
        except OSError:
            pass
        size = self.study.journal.stat().st_size if self.study.journal.exists() else 0
        if size != self.size:
            self.size, self.states = size, self.study.trials()
        if sum(state is not None for state in self.states.values()) >= self.trials:
            return "confirmation"
        return "training" if len(self.states) > self.before else "start"

    def clock(self, phase: str) -> float:
        """Seconds of a phase in the command's own processor time, also fair on a busy machine.

        In the last phase it waits for other processes, so elapsed seconds count there.
        """
        if phase == "ending":
            return time.monotonic()
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return math.inf
        return sum(map(int, stat.rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def wait_for(self, instant: Instant) -> bool:
        """Waits for an instant; returns whether the command was still running then."""
        began = None
        while self.process.poll() is None:
            if began is None and PHASES.index(self.phase()) >= PHASES.index(instant.phase):
                began = self.clock(instant.phase)
            if began is not None and self.clock(instant.phase) - began >= instant.seconds:
                return True
            time.sleep(GLANCE)
        return False

    def helpers(self) -> dict[int, str]:
        """The running child processes of the command: their ids and what each is."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rpartition(")")[2].split()[:2]
                command = (stat.parent / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if int(parent) == self.process.pid and state not in "ZX":
                module = re.search(r"\btuner[.\w]+", command.replace("\0", " "))
                found[int(stat.parent.name)] = module[0] if module else command
        return found

    def end(self) -> Done:
        """Waits until the command ends."""
        code: int | None
        try:
            code = self.process.wait(HANGS)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        wall = time.monotonic() - self.started
        out, err = (log.read_text(errors="replace") for log in self.logs)
        return Done(self.settings, code, out, err, wall)
