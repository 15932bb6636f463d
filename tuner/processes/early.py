"""Early: a child process that is started before the command has imported what needs it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from tuner.processes import children


class Server:
    """A child process that answers lines with lines, and also makes calls.

    Args:
        module: the module to run.
        arguments: its arguments, after the file descriptor for calls.

    Attributes:
        calls: the connection for calls (`tuner.processes.background`); the server's user closes it.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.module = module
        self.calls: Connection
        self.calls, theirs = Pipe()
        with theirs:
            self.process: subprocess.Popen[str] = children.start(
                module,
                theirs.fileno(),
                *arguments,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def say(self, line: str) -> None:
        """Sends a line.

        Raises:
            OSError: if the process is gone.
        """
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)

    def answer(self) -> str:
        """Waits for a line; "" if the process is gone."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def kill(self) -> None:
        """Kills the process, and waits for its end; call `end` all the same."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Closes the input of the process, which ends it, and waits for the end."""
        self.process.communicate()


# The server that the current command will need.
_EARLY: ContextVar[list[Server] | None] = ContextVar("early", default=None)


@contextmanager
def early(*arguments: str) -> Iterator[None]:
    """Starts a server for the block, so that both processes import at the same time.

    Args:
        arguments: the server's module and its arguments; none for no server. If no process can be
            started, there is no server either.
    """
    at_hand = []
    if arguments:
        with suppress(OSError):
            at_hand.append(Server(*arguments))
    token = _EARLY.set(at_hand)
    try:
        yield
    finally:
        _EARLY.reset(token)
        for unused in at_hand:
            unused.kill()
            unused.end()
            unused.calls.close()


def taken(module: str) -> Server | None:
    """Takes the early server if it runs that module; None if not, or if it was taken before."""
    at_hand = _EARLY.get()
    return at_hand.pop() if at_hand and at_hand[0].module == module else None
