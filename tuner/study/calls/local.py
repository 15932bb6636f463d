"""Calls stepped in this process, one after another."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Event

from tuner.function import Function
from tuner.study.calls.call import Call, Came, Failure, Step, Task
from tuner.study.calls.cutting import Cut, Cutter
from tuner.study.calls.executor import Executor
from tuner.study.calls.limits import limited
from tuner.training.loop import Interrupted


class Local(Executor):
    """Steps generators that live in this process.

    Args:
        function: the user function, with its code.
        stop: set to stop the training before the next epoch, or within the running one if that
            takes too long.
        threads: the thread limit of libraries (see `limited`).
    """

    def __init__(self, function: Function, stop: Event, threads: int | None = None) -> None:
        self.function, self.stop = function, stop
        self.calls: dict[str, Call] = {}
        self.cutter = Cutter(stop)
        self.limits = limited(threads)

    def first(self, task: Task) -> Step | Failure | None:
        self._check()
        with self.cutter.watched():
            try:
                return self._call(task).first()
            except Cut:
                raise Interrupted from None

    def expect(self, tasks: Sequence[Task], epoch: int) -> None:
        """Does nothing: epochs are trained one after another, on request."""

    def step(self, task: Task, epoch: int) -> Came:
        self._check()
        with self.cutter.watched():
            try:
                return self._call(task).step(epoch)
            except Cut:
                raise Interrupted from None

    def drop(self, task: Task) -> None:
        call = self.calls.pop(task.key, None)
        if call is not None:
            self._close(call)

    def close(self) -> None:
        for call in self.calls.values():
            self._close(call)
        self.calls.clear()
        self.cutter.close()
        self.limits.restore_original_limits()

    def _close(self, call: Call) -> None:
        """Ends a call; a `finally` block that takes too long is interrupted like an epoch."""
        with self.cutter.watched(), suppress(Cut):
            call.close()

    def _call(self, task: Task) -> Call:
        if task.key not in self.calls:
            self.calls[task.key] = Call(self.function, task)
        return self.calls[task.key]

    def _check(self) -> None:
        if self.stop.is_set():
            raise Interrupted
