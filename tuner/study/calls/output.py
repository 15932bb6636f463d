"""The output of a call: a text stream that creates its file at the first write."""

import io
from pathlib import Path
from typing import IO, Any


class Output(io.TextIOBase):
    """The standard output and error of a call; no file is open between two steps.

    Args:
        path: of the file that it is added to.
    """

    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: IO[str] | None = None

    def opened(self) -> IO[str]:
        """The file, to be written to."""
        if self.file is None:
            self.file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
        return self.file

    def write(self, text: str) -> int:
        """Adds a text."""
        return self.opened().write(text) if text else 0

    def writable(self) -> bool:
        """It is."""
        return True

    def flush(self) -> None:
        """Writes what was held back."""
        if self.file is not None:
            self.file.flush()

    def fileno(self) -> int:
        """Of the file, for what prints past Python."""
        return self.opened().fileno()

    @property
    def buffer(self) -> Any:
        """The file as bytes, which some libraries write."""
        self.flush()
        return self.opened().buffer  # type: ignore[attr-defined]

    def rest(self) -> None:
        """Closes the file until there is more."""
        file, self.file = self.file, None
        if file is not None:
            file.close()
