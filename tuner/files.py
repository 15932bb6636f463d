"""Files: written atomically, even if the process is killed."""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner.errors import UserError


def write(path: Path, pieces: Iterable[str]) -> None:
    """Replaces a file's contents atomically by the pieces of a text.

    Raises:
        UserError: if the path is a folder.
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
    """Refuses a folder that contains anything but regular files and folders.

    A link in a copied folder could make a command overwrite or publish its target. Reading
    something that is neither a file nor a folder may block.

    Args:
        folder: the folder; it may be a link itself, and need not exist.

    Raises:
        UserError: for the first such entry.
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

    MLflow treats the path as a URI, in which %, ? and # have a meaning, and not everywhere alike:
    it would write to another folder.

    Raises:
        UserError: if the path contains one of these characters.
    """
    if found := sorted(set(str(root.resolve())) & set("%?#")):
        raise UserError(
            f"root: {root}: has {' and '.join(found)} in its path, where MLflow can keep no "
            "database: give another root, or tracking=none"
        )


def read_json(path: Path) -> Any:
    """The plain data of a JSON file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes plain data as JSON, atomically.

    Raises:
        ValueError: for a number that is not finite.
    """
    # In pieces, because the whole text would take several times the memory of the data.
    write(path, json.JSONEncoder(indent=2, allow_nan=False).iterencode(content))
