"""Files that a kill leaves whole or not there at all."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write(path: Path, pieces: Iterable[str]) -> None:
    """Puts the pieces of a text in the place of what the file held, all of it or nothing."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same for plain data, as JSON.

    Raises:
        ValueError: for a number that is not finite.
    """
    # Piece by piece, for the whole takes several times the memory of what it holds.
    write(path, json.JSONEncoder(indent=2, allow_nan=False).iterencode(content))
