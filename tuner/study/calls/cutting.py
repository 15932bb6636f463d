"""Cutting short what a user's function is at, when a command was asked to stop and it goes on."""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from types import FrameType
from typing import Any

# Seconds that an epoch may still take once the command was asked to stop, and those from one
# attempt to cut it short to the next.
PATIENCE, AGAIN = 5.0, 1.0

# Nobody else uses it; a system call that waits is interrupted by it, as by any other signal.
SIGNAL = signal.SIGRTMIN + 7


class Cut(BaseException):
    """Raised inside a user's function: no error that it handles, as GeneratorExit is none."""


def cut(thread: int) -> None:
    """Raises Cut in a thread by its identity, as soon as that is in Python's code."""
    own, error = ctypes.c_ulong(thread), ctypes.py_object(Cut)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(own, error)


class Cutter:
    """Raises Cut in the user's code of the main thread, some seconds after a stop was asked for.

    In any other thread nothing is cut: the next yield is waited for.

    Args:
        stop: asks to stop.
    """

    def __init__(self, stop: Event) -> None:
        self.stop, self.inside, self.over = stop, False, Event()
        self.here = threading.current_thread() is threading.main_thread()
        self.before: Any = None
        self.lock = Lock()
        if self.here:
            self.before = signal.signal(SIGNAL, self._receive)
            threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """The user's code runs in this block."""
        self.inside = True
        try:
            yield
        finally:
            self.inside = False

    def close(self) -> None:
        """Nothing is cut any more."""
        if self.here and not self.over.is_set():
            with self.lock:
                self.over.set()
            signal.signal(SIGNAL, self.before or signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.inside:
            raise Cut

    def _watch(self) -> None:
        """Waits for the stop, and then for the user's code."""
        while not self.stop.wait(AGAIN):
            if self.over.is_set():
                return
        self.over.wait(PATIENCE)
        while True:
            with self.lock:
                if self.over.is_set():
                    return
                if self.inside:
                    signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
            self.over.wait(AGAIN)
