"""The lock on a study: one process holds it, and a second one is told which."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tuner.errors import BusyError, UserError
from tuner.files import check_own, read_json, write_json


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Owns the study in `folder` until the block ends; creates the folder if it does not exist.

    The system frees the lock when its process dies, in whatever way.

    Raises:
        BusyError: if another process holds it.
        UserError: if the folder cannot be written.
    """
    owner = folder / "owner.json"
    lock = FileLock(folder / "lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_own(folder)
        lock.acquire()
    except Timeout:
        line = f"study.name: {folder.name}: is at work: {_describe(owner)}"
        raise BusyError(line, still=lambda: at_work(folder)) from None
    except OSError as error:
        raise UserError(f"root: {folder}: cannot be written ({error.strerror})") from None
    try:
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        write_json(owner, holder)
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def at_work(folder: Path) -> str:
    """Which process owns the study in `folder`, in words; "" if none does. Writes nothing.

    A kill may have left the owner's file, so a shared lock is tried for an instant if it exists.
    """
    owner = folder / "owner.json"
    try:
        lock = os.open(folder / "lock", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        if owner.exists():
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _describe(owner)
    finally:
        os.close(lock)
    return ""


def _describe(owner: Path) -> str:
    try:
        holder = read_json(owner)
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process holds it"
