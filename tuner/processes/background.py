"""Background work: a process imports early what only the end of a study needs.

It is a process because an import holds Python's global lock: training beside one ran at a tenth of
its speed. It ends as soon as the study does, so that none writes after a kill.
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

# Seconds from one look at the deadline to the next.
GLANCE = 0.1

# The turns of a process that does nothing else.
ALONE: AbstractContextManager[Any] = nullcontext()


class Background:
    """Calls functions in the order in which they were begun, with these modules imported.

    Use it as a context.

    Where `prepare` was not called, this process has the modules already, or the other one dies or
    does not answer by the deadline, the calls are made here.

    Args:
        modules: by their full names; one may name a function of its own that is called once, as
            `package.module:setup`.
        host: the connection to a process that is there for something else and runs `serve` as
            well, or None while it is not; without a host, a process is started for the calls alone.
    """

    def __init__(
        self, modules: Sequence[str], host: Callable[[], Connection | None] | None = None
    ) -> None:
        self.modules, self.host = modules, host
        self.begun = deque[tuple[Callable[..., Any], tuple[Any, ...]]]()
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe: Connection | None = None
        self.sending: Thread | None = None

    def prepare(self) -> None:
        """Starts the other process, or has its host import, unless that is done or not needed."""
        if self.pipe is not None or all(n.partition(":")[0] in sys.modules for n in self.modules):
            return
        if self.host is not None:
            self.pipe = self.host()
            if self.pipe is not None:
                send(self.pipe, ForkingPickler.dumps((load, (self.modules,), False)))
            return
        self.pipe, theirs = Pipe()
        with theirs:
            self.process = children.start(
                "tuner.processes.background",
                theirs.fileno(),
                *self.modules,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pipe is not None:
            self.bury()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Has a function of a module called, while this process goes on."""
        self.begun.append((function, arguments))
        if self.pipe is not None:
            # A process that is stopped does not read, and a large call would wait for it here.
            call = ForkingPickler.dumps((function, arguments, True))
            self.sending = Thread(target=send, args=[self.pipe, call, self.sending], daemon=True)
            self.sending.start()

    def result(self, deadline: Deadline) -> Any:
        """Waits for the first of the functions that were begun and not waited for.

        Args:
            deadline: until which the other process is waited for.

        Returns:
            What it returned.

        Raises:
            Exception: that it raised.
        """
        function, arguments = self.begun.popleft()
        if self.pipe is not None:
            try:
                while not self.pipe.poll(min(GLANCE, deadline.left())):
                    if not deadline.left():
                        raise TimeoutError
                returned, value = self.pipe.recv()
            except (EOFError, OSError):
                self.bury()
            else:
                if returned:
                    return value
                raise value
        return function(*arguments)

    def bury(self) -> None:
        """Ends the other process, unless it is a host: calls are made here from now on."""
        pipe, self.pipe = self.pipe, None
        if self.process is None or pipe is None:
            return  # who has started the host ends it, and with it a call that is not read
        self.process.kill()
        self.process.wait()
        if self.sending is not None:
            self.sending.join()
        pipe.close()
        self.process = None


def send(pipe: Connection, call: Any, before: Thread | None = None) -> None:
    """Sends a call, as pickled bytes, to the other process, if it is there.

    Args:
        pipe: to the process.
        call: with a function and its arguments.
        before: sends the call before, which must have been sent.
    """
    if before is not None:
        before.join()
    with suppress(OSError):  # the other process died
        pipe.send_bytes(call)


def load(modules: Sequence[str]) -> None:
    """Imports modules, as `Background` takes them."""
    for name in modules:
        module, _, function = name.partition(":")
        imported = import_module(module)
        if function:
            getattr(imported, function)()


def serve(pipe: Connection, turns: AbstractContextManager[Any] = ALONE) -> None:
    """Calls what comes through the pipe until it ends.

    Args:
        pipe: with a function, its arguments, and whether it is to be answered.
        turns: entered for each call.
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
            with suppress(OSError):  # nobody waits any more
                pipe.send(answer)


def main() -> None:
    """What the other process runs: it imports the modules, then serves until it is ended."""
    descriptor, *modules = children.stand_back()
    load(modules)
    with Connection(int(descriptor)) as pipe:
        serve(pipe)


if __name__ == "__main__":
    main()
