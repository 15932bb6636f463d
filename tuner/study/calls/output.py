"""The output of a call: a text stream that creates its file at the first write."""

import io
from pathlib import Path
from typing import IO, Any


class Output(io.TextIOBase):
    """The standard output and error of a call; no file is open between two steps.

    Args:
        path: the file to append to.
    """

    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: IO[str] | None = None

    def opened(self) -> IO[str]:
        """The file, opened for writing."""
        if self.file is None:
            self.file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
        return self.file

    def write(self, text: str) -> int:
        """Appends a text."""
        return self.opened().write(text) if text else 0

    def writable(self) -> bool:
        """True."""
        return True

    def flush(self) -> None:
        """Writes buffered text to the file."""
        if self.file is not None:
            self.file.flush()

    def fileno(self) -> int:
        """The file's descriptor, for code that writes past Python."""
        return self.opened().fileno()

    @property
    def buffer(self) -> Any:
        """The file's binary buffer, for libraries that write bytes."""
        self.flush()
        return self.opened().buffer  # type: ignore[attr-defined]

    def rest(self) -> None:
        """Closes the file until the next write."""
        file, self.file = self.file, None
        if file is not None:
            file.close()
