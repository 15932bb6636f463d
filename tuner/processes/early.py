"""Early: a child process that is started before the command has imported what needs it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from tuner.processes import children


class Server:
    """A child process that answers lines with lines, and takes calls beside them.

    Args:
        module: that it runs.
        arguments: of its command line, behind the number of the descriptor for calls.

    Attributes:
        calls: takes calls (`tuner.processes.background`); whoever uses the server closes it.
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
        """Ends the process at once; `end` is called all the same."""
        self.process.kill()

    def end(self) -> None:
        """Closes the input of the process, which ends with it, and waits for that."""
        self.process.communicate()


# Of the command that is under way: the server that it will need.
_EARLY: ContextVar[list[Server] | None] = ContextVar("early", default=None)


@contextmanager
def early(*arguments: str) -> Iterator[None]:
    """Within the block a server is at hand: both processes import, each on a core of its own.

    Args:
        arguments: of the server, its module first; none for no server.
    """
    at_hand = [Server(*arguments)] if arguments else []
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
    """The early server, for the first who asks, if it runs that module."""
    at_hand = _EARLY.get()
    return at_hand.pop() if at_hand and at_hand[0].module == module else None
