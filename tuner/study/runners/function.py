"""A runner for a user function: a generator for each row, one epoch at a time."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tuner.errors import CrashError
from tuner.files import read_json
from tuner.search.runner import Progress, Row, Runner
from tuner.search.trials import Goal
from tuner.study.calls.call import TRACEBACK, Came, End, Failure, Step, Task
from tuner.study.calls.executor import Executor

Array = np.ndarray

SAVED = "rows.json"


class Failures:
    """Counts trials that fail in a row, and raises an error if there are too many.

    Failures are in a row if no other training has passed the epoch at which they failed: a setting
    that fails now and then is no reason to stop; an error that hits all trials is one.

    Args:
        most: this many failures in a row are too many.
        yielded: whether a trial of the study has trained an epoch before.
    """

    def __init__(self, most: int, yielded: bool = False) -> None:
        self.most, self.yielded = most, yielded
        self.in_a_row, self.furthest = 0, 0
        self.too_many: CrashError | None = None

    def passed(self, epoch: int) -> None:
        """Called when a training has passed an epoch."""
        self.yielded = True
        if self.in_a_row and epoch >= self.furthest:
            self.in_a_row = self.furthest = 0

    def failed(self, task: Task, epoch: int, line: str) -> None:
        """Called when a training has failed in an epoch; `check` raises if it was one too many."""
        self.in_a_row += 1
        self.furthest = max(self.furthest, epoch)
        if self.yielded and self.in_a_row < self.most:
            return
        who = f"{task.what} failed, the first one of the study"
        if self.yielded and self.most > 1:
            who = f"{self.in_a_row} trainings in a row failed, the last of them {task.what}"
        elif self.yielded:
            who = f"{task.what} failed"
        self.too_many = CrashError(
            f"{who}: {line}; its traceback and output are in {task.folder}; correct the "
            "function, and "
            "the same command continues"
        )
        with suppress(OSError):  # shown below the error in Python
            self.too_many.add_note((task.folder / TRACEBACK).read_text(encoding="utf-8"))

    def check(self) -> None:
        """Raises CrashError if too many have failed."""
        if self.too_many is not None:
            raise self.too_many


class FunctionRunner(Runner):
    """The calls of one trial: a row for each seed and each fold.

    A row that has ended by itself keeps its last numbers until all rows of the trial have ended;
    then the trial is over. The log of a call holds what it yielded, so a saved state only lists the
    rows.

    Args:
        tasks: the tasks of one trial, by row.
        executor: steps the calls.
        goal: the goal, whose curve every mapping must contain.
        failures: counts the trials that fail.
    """

    def __init__(
        self, tasks: Mapping[Row, Task], executor: Executor, goal: Goal, failures: Failures
    ) -> None:
        self.tasks, self.executor, self.goal, self.failures = tasks, executor, goal, failures
        self.known = list(tasks)
        self.last: dict[Row, Step] = {}
        self.over: dict[Row, End] = {}

    @property
    def rows(self) -> list[Row]:
        return list(self.known)

    @property
    def steps(self) -> int:
        return 1

    @property
    def momentum(self) -> Array:
        return np.zeros(len(self.known))

    def start(self) -> Mapping[str, Array]:
        found = [self.executor.first(self.tasks[row]) for row in self.known]
        before = [own.metrics if isinstance(own, Step) else {} for own in found]
        names = dict.fromkeys((*(name for own in before for name in own), self.goal.curve))
        return {name: np.array([own.get(name, math.nan) for own in before]) for name in names}

    def expect(self, after: int, until: int) -> None:
        self.executor.expect([self.tasks[row] for row in self.known], until)

    def epoch(self, epoch: int) -> Progress:
        finals: dict[Row, Mapping[str, float]] = {}
        for row in self.known:
            if row in self.over:
                continue
            came = self._came(row, epoch)
            if isinstance(came, Failure):
                return self._failed(row, epoch, came.line)
            if isinstance(came, End):
                self.over[row] = came
                if row not in self.last and isinstance(
                    step := self.executor.step(self.tasks[row], came.epoch), Step
                ):
                    self.last[row] = step
            else:
                self.last[row] = came
                if epoch == self.tasks[row].epochs:
                    end = self.executor.step(self.tasks[row], epoch + 1)
                    if isinstance(end, Failure):
                        return self._failed(row, epoch, end.line)
                    finals[row] = end.final if isinstance(end, End) else {}
            self.failures.passed(epoch)
        if all(row in self.over for row in self.known):
            ends = [self.over[row].final for row in self.known]
            return self._left(over={self.known[0].trial: means(ends)})
        metrics = {row: dict(self.last[row].metrics) for row in self.known}
        for row, final in finals.items():
            metrics[row] |= final
        return self._progress(metrics, epoch)

    def _came(self, row: Row, epoch: int) -> Came:
        """What a row yields after an epoch, or how it ended; a missing metric is a failure."""
        task, curve = self.tasks[row], self.goal.curve
        came = self.executor.step(task, epoch)
        if not isinstance(came, Step) or curve in came.metrics:
            return came
        has = ", ".join(came.metrics) or "nothing"
        line = f"yielded no {curve} in epoch {came.epoch}, but {has}"
        line += f": yield {curve}, or give metric=... one of these" if came.metrics else ""
        (task.folder / TRACEBACK).write_text(f"{line}\n", encoding="utf-8")
        return Failure(line, line)

    def _failed(self, row: Row, epoch: int, line: str) -> Progress:
        """Fails the trial of a failed row."""
        self.failures.failed(self.tasks[row], epoch, line)
        return self._left(failed={row.trial: line})

    def _progress(self, metrics: Mapping[Row, Mapping[str, float]], epoch: int) -> Progress:
        names = dict.fromkeys(name for own in metrics.values() for name in own)
        arrays = {
            name: np.array([metrics[row].get(name, math.nan) for row in self.known])
            for name in names
        }
        watched = [arrays[name] for name in ("train_loss", self.goal.curve) if name in arrays]
        left = np.asarray(~np.isfinite(watched).all(axis=0))
        steps = np.full(len(self.known), float(epoch))
        return Progress(arrays, left, steps, np.zeros(len(self.known)))

    def _left(
        self,
        failed: Mapping[int, str] | None = None,
        over: Mapping[int, Mapping[str, float]] | None = None,
    ) -> Progress:
        """The progress when the trial has left by itself."""
        none = np.zeros(len(self.known))
        return Progress({}, none.astype(bool), none, none, failed or {}, over or {})

    def keep(self, trials: Collection[int]) -> None:
        """Continues with the rows of these trials only.

        Raises:
            CrashError: if too many trials have failed; the failed trial is recorded by then.
        """
        for row in self.known:
            if row.trial not in trials:
                self.executor.drop(self.tasks[row])
        self.known = [row for row in self.known if row.trial in trials]
        self.failures.check()

    def close(self) -> None:
        for row in self.known:
            self.executor.drop(self.tasks[row])

    def save(self, folder: Path) -> None:
        (folder / SAVED).write_text(json.dumps({"rows": self.known}), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        saved = [Row(*row) for row in read_json(folder / SAVED)["rows"]]
        if not set(saved) <= set(self.known):
            raise ValueError(f"{folder}: holds other trials than these")
        self.known = saved


def means(finals: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The means of the final results that all rows have."""
    names = [name for name in finals[0] if all(name in own for own in finals)]
    return {name: math.fsum(own[name] for own in finals) / len(finals) for name in names}
