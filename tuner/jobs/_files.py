"""Files that a kill leaves whole or not there at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, text: str) -> None:
    """Puts a text in the place of what the file held, all of it or nothing."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def write_json(path: Path, told: Mapping[str, Any]) -> None:
    """The same for plain data; a number that is not finite is a ValueError."""
    write(path, json.dumps(told, indent=2, allow_nan=False))
