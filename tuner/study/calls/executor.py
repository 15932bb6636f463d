"""Executors: step the calls of a function, in this process or in others."""

from collections.abc import Sequence
from typing import Protocol

from tuner.study.calls.call import Came, Failure, Step, Task


class Executor(Protocol):
    """Steps calls, in this process or in others."""

    def first(self, task: Task) -> Step | Failure | None:
        """Begins or resumes a call; returns what it knows before the first epoch."""

    def expect(self, tasks: Sequence[Task], epoch: int) -> None:
        """Allows stepping these calls up to this epoch in advance."""

    def step(self, task: Task, epoch: int) -> Came:
        """What a call yields after an epoch, or how it ended before that.

        Raises:
            Interrupted: if the training was stopped.
        """

    def drop(self, task: Task) -> None:
        """Ends a call that will not be stepped any more."""

    def close(self) -> None:
        """Ends all calls."""
