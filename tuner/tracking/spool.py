"""The spool: records on local disk, in order, until MLflow has them.

It is a folder of numbered files, one record a line. Records are appended to the newest file; the
oldest is read, written to MLflow and then deleted. So a kill loses nothing (at worst one file is
written twice, which is harmless), and the disk holds only the records that still wait.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tuner.tracking.records import Record, from_line, to_line

LARGEST = 20_000  # records per file: a long backlog is sent in pieces of this size


class Spool:
    """The waiting records of one study; the study's lock allows one process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._waiting = {file: lines(file) for file in spooled(folder)}
        self._newest = max((int(file.stem) for file in self._waiting), default=0)
        self._open: BinaryIO | None = None  # the newest file, while records are appended

    def __len__(self) -> int:
        """The number of waiting records."""
        with self._lock:
            return sum(self._waiting.values())

    def append(self, record: Record) -> None:
        """Appends a record; once the call returns, it survives the death of this process."""
        line = to_line(record).encode()
        with self._lock:
            if self._open is None:
                self._newest += 1
                # Unbuffered: data that a full disk refused must not be written again on close.
                self._open = self._file().open("ab", buffering=0)
                self._waiting[self._file()] = 0
            left = memoryview(line)
            while left:
                left = left[self._open.write(left) :]
            self._waiting[self._file()] += 1
            if self._waiting[self._file()] >= LARGEST:
                self._finish()

    def sync(self) -> None:
        """Waits until every record would survive a loss of power."""
        with self._lock:
            files = list(self._waiting)
        for file in files:
            # A deleted file is already in MLflow.
            with suppress(FileNotFoundError), file.open("rb") as written:
                os.fsync(written.fileno())

    def oldest(self) -> Path | None:
        """The file to write next; no more records are appended to it."""
        with self._lock:
            if not self._waiting:
                return None
            file = min(self._waiting)
            if file == self._file():
                self._finish()
        return file

    def remove(self, file: Path) -> None:
        """Deletes a file whose records are in MLflow."""
        file.unlink()
        with self._lock:
            del self._waiting[file]

    def close(self) -> None:
        """Closes the newest file; waiting records stay on disk."""
        with self._lock:
            self._finish()

    def _file(self) -> Path:
        return self._folder / f"{self._newest:08d}.jsonl"

    def _finish(self) -> None:
        file, self._open = self._open, None
        if file is not None:
            file.close()


def spooled(folder: Path) -> list[Path]:
    """The files of a spool, in order."""
    return sorted(file for file in folder.glob("*.jsonl") if file.stem.isdecimal())


def lines(file: Path) -> int:
    """The number of lines in a file, whole or torn."""
    with file.open("rb") as own:
        return sum(1 for _ in own)


def records(file: Path) -> tuple[list[Record], int]:
    """The records of a file, and the number of skipped lines (a kill can tear one)."""
    found, torn = [], 0
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                found.append(from_line(line))
            except ValueError:
                torn += 1
    return found, torn
