"""Background work: a process imports early what only the end of a study needs.

It is a process because an import holds Python's global lock: training beside an import ran at a
tenth of its speed. It ends as soon as the study does, so nothing is written after a kill.
"""

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from threading import Thread
from typing import Any, Self

from tuner.processes import children
from tuner.processes.deadline import Deadline
from tuner.processes.early import Server

# Seconds between two looks at the deadline.
GLANCE = 0.1

# In place of a lock, for a process that does nothing else.
ALONE: AbstractContextManager[Any] = nullcontext()


class Background:
    """Calls functions one after another in a process that has imported the modules.

    Use it as a context manager.

    The calls are made in this process instead if `prepare` was not called, if this process has
    already imported the modules, or if the other process dies or does not answer by the deadline.

    Args:
        modules: the modules' full names; for `package.module:setup` the function `setup` is called.
        host: returns an existing process that also runs `serve`, or None while it is not there;
            without a host, a process is started for the calls alone. A host that dies or does not
            answer is killed, so that no call is made in two processes at once.
    """

    def __init__(
        self, modules: Sequence[str], host: Callable[[], Server | None] | None = None
    ) -> None:
        self.modules, self.host = modules, host
        self.server: Server | None = None
        self.begun = deque[tuple[Callable[..., Any], tuple[Any, ...]]]()
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe: Connection | None = None
        self.sending: Thread | None = None

    def prepare(self) -> None:
        """Starts the other process, or has the host import the modules, if that is still needed.

        It does nothing while calls wait, which this process makes, or if no process can be started.
        """
        if self.pipe is not None or self.begun:
            return
        if all(name.partition(":")[0] in sys.modules for name in self.modules):
            return
        if self.host is not None:
            self.server = self.host()
            if self.server is not None:
                self.pipe = self.server.calls
                send(self.pipe, ForkingPickler.dumps((load, (self.modules,), False)))
            return
        with suppress(OSError):
            ours, theirs = Pipe()
            with theirs:
                self.process = children.start(
                    "tuner.processes.background",
                    theirs.fileno(),
                    *self.modules,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            self.pipe = ours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pipe is not None:
            self.bury()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Starts a call of a module's function in the other process, and returns at once."""
        self.begun.append((function, arguments))
        if self.pipe is not None:
            # A suspended process does not read, and sending a large call here would block.
            call = ForkingPickler.dumps((function, arguments, True))
            self.sending = Thread(target=send, args=[self.pipe, call, self.sending], daemon=True)
            self.sending.start()

    @property
    def idle(self) -> bool:
        """Whether the other process is there, and has answered the one call that it was given."""
        return self.pipe is not None and len(self.begun) == 1 and self.pipe.poll()

    def result(self, deadline: Deadline) -> Any:
        """Waits for the earliest call that was begun and not waited for.

        Args:
            deadline: how long to wait for the other process.

        Returns:
            The function's result.

        Raises:
            Exception: the function's exception.
        """
        function, arguments = self.begun.popleft()
        if self.pipe is not None:
            try:
                while not self.pipe.poll(min(GLANCE, deadline.left())):
                    if not deadline.left():
                        raise TimeoutError
                returned, value = self.pipe.recv()
            except (EOFError, OSError):
                if self.server is not None:
                    self.server.kill()
                self.bury()
            else:
                if returned:
                    return value
                raise value
        return function(*arguments)

    def bury(self) -> None:
        """Ends the other process unless it is a host; later calls are made in this process."""
        pipe, self.pipe = self.pipe, None
        self.modules = ()  # nothing is prepared any more
        if self.process is None or pipe is None:
            return  # the owner of the host ends it, and its unread calls
        self.process.kill()
        self.process.wait()
        if self.sending is not None:
            self.sending.join()
        pipe.close()
        self.process = None


def send(pipe: Connection, call: Any, before: Thread | None = None) -> None:
    """Sends a pickled call to the other process; does nothing if the process died.

    Args:
        pipe: the connection to the process.
        call: the pickled function and its arguments.
        before: the thread that sends the previous call, which is waited for.
    """
    if before is not None:
        before.join()
    with suppress(OSError):  # the other process died
        pipe.send_bytes(call)


def load(modules: Sequence[str]) -> None:
    """Imports modules, in the notation of `Background`."""
    for name in modules:
        module, _, function = name.partition(":")
        imported = import_module(module)
        if function:
            getattr(imported, function)()


def serve(pipe: Connection, turns: AbstractContextManager[Any] = ALONE) -> None:
    """Makes the calls that arrive through the pipe, until it is closed.

    Args:
        pipe: delivers a function, its arguments, and whether an answer is expected.
        turns: a lock that is held for each call.
    """
    while True:
        try:
            function, arguments, answered = pipe.recv()
        except (EOFError, OSError):
            return
        with turns:
            try:
                answer = True, function(*arguments)
            except Exception as error:
                answer = False, error
        if answered:
            with suppress(OSError):  # nobody waits for the answer any more
                pipe.send(answer)


def main() -> None:
    """The other process: imports the modules, then serves calls until it is ended."""
    descriptor, *modules = children.stand_back()
    load(modules)
    with Connection(int(descriptor)) as pipe:
        serve(pipe)


if __name__ == "__main__":
    main()
