"""Work in the background: a process that imports what only the end of a study needs, as it trains.

It is a process because an import holds Python's global lock: training beside one ran at a tenth of
its speed. It ends as soon as the study does, so that none writes after a kill.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Self

from tuner.processes import children


class Background:
    """Calls one function after another, with these modules imported; use it as a context.

    Where `prepare` was not called, this process has the modules already, or the other one dies, the
    calls are made here.

    Args:
        modules: by their full names; one may name a function of its own that is called once, as
            `package.module:setup`.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = modules
        self.call: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Starts the other process, unless it runs already or is not needed."""
        if self.process is not None or all(
            n.partition(":")[0] in sys.modules for n in self.modules
        ):
            return
        self.pipe, theirs = Pipe()
        with theirs:
            self.process = children.start(
                "tuner.processes.background",
                theirs.fileno(),
                os.getpid(),
                *self.modules,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.wait()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Has a function of a module called, while this process goes on."""
        self.call = function, arguments
        if self.process is not None:
            try:
                self.pipe.send(self.call)
            except OSError:
                self.bury()

    def result(self) -> Any:
        """Waits for the function that was begun.

        Returns:
            What it returned.

        Raises:
            Exception: that it raised.
        """
        assert self.call is not None
        (function, arguments), self.call = self.call, None
        if self.process is not None:
            try:
                returned, value = self.pipe.recv()
            except (EOFError, OSError):
                self.bury()
            else:
                if returned:
                    return value
                raise value
        return function(*arguments)

    def bury(self) -> None:
        """Clears up after the other process, which died: calls are made here from now on."""
        assert self.process is not None
        self.pipe.close()
        self.process.wait()
        self.process = None


def serve(pipe: Connection) -> None:
    """Calls what comes through the pipe until it ends."""
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        pipe.send(answer)


def end_with(parent: int) -> None:
    """Ends this process when the one that started it is gone, whatever it is at.

    Args:
        parent: the number of the process that started it.
    """
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(1)


def main() -> None:
    """What the other process runs: it imports the modules, then serves until it is ended."""
    children.stand_back()
    descriptor, parent, *modules = sys.argv[1:]
    Thread(target=end_with, args=[int(parent)], daemon=True).start()
    for name in modules:
        module, _, function = name.partition(":")
        imported = import_module(module)
        if function:
            getattr(imported, function)()
    with Connection(int(descriptor)) as pipe:
        serve(pipe)


if __name__ == "__main__":
    main()
