"""Waiting for a process that nobody here has started."""

import time
from pathlib import Path


def wait_until_gone(number: int, seconds: float) -> None:
    """Waits for the end of the process of that number, and fails after so many seconds."""
    last = time.monotonic() + seconds
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < last
        time.sleep(0.05)
