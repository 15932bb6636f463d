"""Error messages: one line that names a key, what is wrong and what is allowed."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tuner.config.schema import KEYS, Config, Plain
from tuner.errors import did_you_mean, masked

# Pydantic's phrases, and their replacements in the style of the other checks.
WORDS = {
    "input should": "must",
    "string should": "must",
    "must match pattern": "must match",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "must be a valid boolean": "must be true or false",
    "must be a valid integer": "must be a whole number",
    "must be a valid number": "must be a number",
    "must be a valid string": "must be text",
}

# An error lists up to this many names; beyond, it refers to --help.
FEW = 30

# Fields of the config that are made from other keys.
MADE = ("space", "plain", "function", "auto")

# Keys that may contain a password: group and key.
SECRET = (("tracking", "uri"), ("study", "storage"))

# The keys of a config.
KNOWN = (*KEYS, *(name for name in Config.model_fields if name not in MADE))


def shown(plain: Plain) -> Plain:
    """A composed config that may be shown: without users and passwords in its addresses."""
    out = dict(plain)
    for group, key in SECRET:
        own = plain.get(group)
        if isinstance(own, Mapping) and isinstance(own.get(key), str):
            out[group] = {**own, key: masked(own[key])}
    return out


def line(error: Any) -> str:
    """One line from pydantic's description of an error, an item of `ValidationError.errors()`."""
    path = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
    if error["type"] == "extra_forbidden":
        return no_such_key(path, *_place(error))
    if error["type"] == "missing":
        return f"{path}: is missing"
    if error["type"] == "model_type":
        return f"{path}: {error['input']!r}: must be a mapping"
    if error["type"] == "path_type":
        return f"{path}: {error['input']!r}: must be the path of a folder"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    given = error["input"]
    if tuple(error["loc"]) in SECRET and isinstance(given, str):
        given = re.sub(r"(?s).*@", "***@", given)  # it may contain a password
    return f"{path}: {given!r}: {message}"


def no_such_key(path: str, owner: str, known: Iterable[str]) -> str:
    """The line for a key that the schema does not have."""
    return f"{path}: there is no such key: {unknown(path.split('.')[-1], owner, known)}"


def unknown(key: object, owner: str, known: Iterable[str]) -> str:
    """A suggestion for an unknown key, and the keys of its owner."""
    names = list(known)
    few = len(names) <= FEW
    hint = did_you_mean(key, names, 1 if few else 3)
    return f"{hint}{owner} has {(', '.join(names) if few else 'those in --help') or 'no settings'}"


def unknown_option(
    option: object, group: str, known: Iterable[str], chosen: Mapping[str, Any]
) -> str:
    """A suggestion for an unknown option: another option, or a setting of a chosen one.

    Args:
        option: the unknown name.
        group: the group, such as `optimizer`.
        known: the options of the group.
        chosen: the chosen options of the group, including this one, with their settings.
    """
    for name, values in chosen.items():
        if isinstance(values, Mapping) and option in values:
            return f"is a setting of {name}: did you mean {group}.{name}.{option}?"
    return unknown(option, group, known)


def _place(error: Any) -> tuple[str, Iterable[str]]:
    """The part of the config that has an unknown key, and its known keys."""
    if len(error["loc"]) == 1:
        return "the config", KNOWN
    fields, owner = Config.model_fields, ""
    for part in error["loc"][:-1]:
        kind: Any = fields[part].annotation
        fields, owner = kind.model_fields, part
    return owner, fields
