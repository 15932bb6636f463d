"""Files that are written whole or not at all, even if the process is killed."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner.errors import UserError


def write(path: Path, pieces: Iterable[str]) -> None:
    """Puts the pieces of a text in the place of what the file held, all of it or nothing.

    Raises:
        UserError: if a folder is in its place.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with draft.open("x", encoding="utf-8") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, IsADirectoryError):
            place = error.filename2 or error.filename
            raise UserError(f"{place}: is a folder: move it away") from None
        raise


def check_own(folder: Path) -> None:
    """Refuses a folder that holds anything but files and folders of its own.

    A link in a copied folder would have its target overwritten, or read to whoever is told; what
    is neither file nor folder may never answer.

    Args:
        folder: it may be a link itself, and need not be there.

    Raises:
        UserError: for the first.
    """
    folders = [folder]
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    kind = "a link" if entry.is_symlink() else "neither a file nor a folder"
                    raise UserError(f"{entry.path}: is {kind}, which no study writes: remove it")


def check_place(root: Path) -> None:
    """Refuses a root in which MLflow cannot keep a database.

    It takes a path for a URI, in which these signs mean something, in places that do not agree: a
    folder beside would be written to.

    Raises:
        UserError: if one of the signs is in its path.
    """
    if found := sorted(set(str(root.resolve())) & set("%?#")):
        raise UserError(
            f"root: {root}: has {' and '.join(found)} in its path, where MLflow can keep no "
            "database: give another root, or tracking=none"
        )


def read_json(path: Path) -> Any:
    """The plain data of a file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """The same for plain data, as JSON.

    Raises:
        ValueError: for a number that is not finite.
    """
    # Piece by piece, for the whole takes several times the memory of what it holds.
    write(path, json.JSONEncoder(indent=2, allow_nan=False).iterencode(content))
