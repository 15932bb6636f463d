"""A case: one study, the fault that comes to it, and the studies that nothing happens to."""

import json
import signal
import threading
import time
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

from _faults import checks, stored
from _faults.proxy import Server
from _faults.studies import GLANCE, PHASES, PLANS, Command, Done, Instant, Study


class References:
    """Undisturbed studies, each run when it is first needed.

    Args:
        folder: the folder to run them in.
        server: MLflow's server.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        self._made: dict[tuple[str, bool, bool], checks.Reference] = {}
        self._locks: dict[tuple[str, bool, bool], threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, plan: str, *, cold: bool = False, served: bool = False) -> checks.Reference:
        """The reference of a plan.

        Args:
            plan: the plan's name.
            cold: whether the cache of compiled code is empty.
            served: whether an MLflow server is used.

        Raises:
            RuntimeError: if anything is wrong with the undisturbed study.
        """
        key = plan, cold, served
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._made:
                self._made[key] = self._run(*key)
            return self._made[key]

    def _run(self, plan: str, cold: bool, served: bool) -> checks.Reference:
        folder = self.folder / f"{plan}-{cold:d}{served:d}"
        folder.mkdir()
        study, database = Study(folder), folder / "results" / "mlflow.db"
        if cold:
            study.environment["NUMBA_CACHE_DIR"] = str(folder / "cache")
        if served:
            study.settings = (f"tracking.uri={self.server.uri}",)
            database = self.server.database
        for trials in PLANS[plan]:
            command = study.start(trials)
            phases, done = _phases(command)
            wrong = checks.of_command(done, [0])
            if wrong:
                raise RuntimeError(f"an undisturbed study: {wrong}")
        reference = _described(study, phases, done.wall, database)
        wrong = checks.of_study(study, PLANS[plan][-1], reference, database)
        if cold:
            warm = self.of(plan)
            wrong += [] if reference.result == warm.result else ["compiling changes the result"]
        if wrong:
            raise RuntimeError(f"an undisturbed study: {wrong}")
        return reference


def _phases(command: Command) -> tuple[dict[str, float], Done]:
    """The seconds of each phase of an undisturbed command, and how the command ended."""
    first, last = {}, {}
    while command.process.poll() is None:
        phase = command.phase()
        last[phase] = command.clock(phase)
        first.setdefault(phase, last[phase])
        time.sleep(GLANCE)
    return {phase: last[phase] - first[phase] for phase in first}, command.end()


def _described(
    study: Study, phases: dict[str, float], wall: float, database: Path
) -> checks.Reference:
    saved = json.loads((study.own / "result.json").read_text(encoding="utf-8"))
    key = saved["run"]["key"] if checks.is_shared(study) else None
    runs, _ = stored.read(database, key)
    files = checks.files_of(study)
    return checks.Reference(checks.as_text(saved["result"]), runs, files, phases, wall)


class Case:
    """The argument of a kind of fault: a study and a source of random choices.

    Args:
        folder: the study's folder.
        random: makes all random choices.
        references: the undisturbed studies.

    Attributes:
        plan: the study's plan.
        told: what was done, in words.
        wrong: the errors that were found on the way.
    """

    def __init__(self, folder: Path, random: Random, references: References) -> None:
        self.study, self.random, self.references = Study(folder), random, references
        self.plan = "fresh"
        self.cold = self.served = False
        self.told: list[str] = []
        self.wrong: list[str] = []

    @property
    def server(self) -> Server:
        return self.references.server

    @property
    def reference(self) -> checks.Reference:
        return self.references.of(self.plan, cold=self.cold, served=self.served)

    @property
    def trials(self) -> int:
        """The number of trials of the plan's last command."""
        return PLANS[self.plan][-1]

    @property
    def database(self) -> Path:
        return self.server.database if self.served else self.study.database

    def any_plan(self) -> None:
        """Chooses the plan at random, and whether there are checkpoints."""
        self.plan = self.random.choice(sorted(PLANS))
        if self.random.random() < 0.5:
            self.checkpoints()

    def checkpoints(self) -> None:
        """Turns on checkpoints of each cohort."""
        self.study.settings += ("checkpoint.seconds=0.05",)
        self.told.append("with checkpoints")

    def instant(self, *phases: str) -> Instant:
        """A random instant of some or all phases, which are equally likely."""
        lengths = self.reference.phases
        phase = self.random.choice([phase for phase in lengths if not phases or phase in phases])
        return Instant(phase, self.random.random() * lengths[phase])

    def prepare(self) -> None:
        """Runs the plan's commands before the one with the fault."""
        assert self.reference
        for trials in PLANS[self.plan][:-1]:
            self.expect(self.study.run(trials), [0])

    def start(self, **streams: Any) -> Command:
        """Starts the last command of the plan."""
        return self.study.start(self.trials, **streams)

    def finish(self) -> None:
        """Runs the study to its end."""
        self.prepare()
        self.expect(self.start().end(), [0])

    def kill(self, instant: Instant, *, prepared: bool = False) -> None:
        """Kills the last command of the plan at an instant."""
        if not prepared:
            self.prepare()
        command = self.start()
        self.say("SIGKILL", instant)
        if command.wait_for(instant):
            command.process.kill()
        self.expect(command.end(), [0, -signal.SIGKILL])

    def finish_or_kill(self) -> None:
        """Runs a study to its end, or kills it at random once it trains."""
        self.any_plan()
        if self.random.random() < 0.5:
            self.finish()
        else:
            self.kill(self.instant(*PHASES[1:]))

    def expect(self, done: Done, codes: Collection[int]) -> None:
        """Notes what is wrong with the way a command ended (`checks.of_command`)."""
        self.told.append(f"it ends with {done.code}")
        self.wrong += checks.of_command(done, codes)

    def say(self, what: str, instant: Instant | None = None) -> None:
        """Notes what was done."""
        when = f" {instant.seconds:.2f} s into {instant.phase}" if instant else ""
        self.told.append(f"{what}{when}")
