"""Settings given from Python, written in the form of the command line."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.codec import Settings
from tuner.declarations import Branches, Searched
from tuner.errors import UserError

# What Hydra reads as a text without quotes, and words that it reads as something else.
BARE = re.compile(r"[A-Za-z_][\w.-]*")
NO_TEXT = ("null", "true", "false", "inf", "nan")

# Keys of settings, which may begin with a + (as in +best), and keys of mappings in values.
KEY = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@/-]*")
INNER = re.compile(r"[A-Za-z_][\w.-]*")


def written(settings: Settings) -> list[str]:
    """Settings by path as `key=value` for Hydra.

    Args:
        settings: numbers, texts, booleans, None, lists and mappings of these; `tuner.range`,
            `tuner.choices` and `tuner.branch`.

    Raises:
        UserError: for an invalid key, or a value that a config cannot hold.
    """
    return list(_written(settings))


def _written(settings: Settings) -> Iterator[str]:
    for key, value in settings.items():
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise UserError(f"settings: {key!r}: must be the path of a setting, as study.cohort")
        yield f"{key}={_value(key, value)}"


def _value(where: str, value: Any) -> str:
    if isinstance(value, Searched):
        value = value.plain
    elif isinstance(value, Branches):
        value = value.options
    elif isinstance(value, Path):
        value = str(value)
    elif hasattr(value, "tolist"):  # a NumPy number or array
        value = value.tolist()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(where, own) for own in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(where, k)}: {_value(where, v)}' for k, v in value.items())}}}"
    raise UserError(
        f"{where}: {value!r:.100}: must be a number, text, True, False, None, or a list or "
        "mapping of these"
    )


def _key(where: str, key: object) -> str:
    if not isinstance(key, str) or not INNER.fullmatch(key):
        raise UserError(f"{where}: {key!r}: must be a name")
    return key


def _text(text: str) -> str:
    """A text, quoted if needed; Hydra reads backslashes literally except before a quote."""
    if BARE.fullmatch(text) and text.lower() not in NO_TEXT:
        return text
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), text)
    return f'"{escaped}"'
