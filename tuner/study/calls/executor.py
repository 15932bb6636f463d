"""Executors: they step the calls of a function, in this process or in others."""

from collections.abc import Sequence
from typing import Protocol

from tuner.study.calls.call import Came, Failure, Step, Task


class Executor(Protocol):
    """Where calls are stepped: in this process, or in others."""

    def first(self, task: Task) -> Step | Failure | None:
        """Begins a call, or takes it up; what it knows before the first epoch."""

    def expect(self, tasks: Sequence[Task], epoch: int) -> None:
        """Calls may be stepped up to this epoch before anybody asks."""

    def step(self, task: Task, epoch: int) -> Came:
        """What a call yields after an epoch, or how it ended before.

        Raises:
            Interrupted: if the training was asked to stop.
        """

    def drop(self, task: Task) -> None:
        """Ends a call that is not asked any more."""

    def close(self) -> None:
        """Ends all calls."""
