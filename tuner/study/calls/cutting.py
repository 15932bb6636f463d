"""Cutting: interrupts a user function that keeps running after the command was stopped."""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from types import FrameType
from typing import Any

# Seconds that an epoch may still take after a stop, and seconds between attempts to interrupt it.
PATIENCE, AGAIN = 5.0, 1.0

# A real-time signal that nothing else uses; like any signal, it interrupts blocking system calls.
SIGNAL = signal.SIGRTMIN + 7


class Cut(BaseException):
    """Raised inside a user function; like GeneratorExit, `except Exception` does not catch it."""


def cut(thread: int) -> None:
    """Raises Cut in a thread, given by its id, as soon as it runs Python code."""
    own, error = ctypes.c_ulong(thread), ctypes.py_object(Cut)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(own, error)


class Cutter:
    """Raises Cut in user code of the main thread some seconds after a stop.

    In other threads nothing is interrupted: the stop takes effect at the next yield.

    Args:
        stop: set to stop.
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
        """The block in which user code runs."""
        self.inside = True
        try:
            yield
        finally:
            self.inside = False

    def close(self) -> None:
        """Stops watching; nothing is interrupted any more."""
        if self.here and not self.over.is_set():
            with self.lock:
                self.over.set()
            signal.signal(SIGNAL, self.before or signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.inside:
            raise Cut

    def _watch(self) -> None:
        """Waits for the stop, and then interrupts user code."""
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
