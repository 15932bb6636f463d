"""Error messages: one line that names a key, what is wrong and what is allowed."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tuner.config.schema import KEYS, Config, Plain
from tuner.errors import did_you_mean, masked

# Pydantic's words, and those of the other checks.
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

# So many names are given in an error; of more, --help tells.
FEW = 30

# Fields of the config that are made of its keys.
MADE = ("space", "plain", "function", "auto")

# What may hold a password, by group.
SECRET = (("tracking", "uri"), ("study", "storage"))

# The keys of a config.
KNOWN = (*KEYS, *(name for name in Config.model_fields if name not in MADE))


def shown(plain: Plain) -> Plain:
    """A composed config as anybody may see it: without users and passwords of its addresses."""
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
        given = re.sub(r"(?s).*@", "***@", given)  # whatever it is, it may hold a password
    return f"{path}: {given!r}: {message}"


def no_such_key(path: str, owner: str, known: Iterable[str]) -> str:
    """The line for a key of the schema that there is not."""
    return f"{path}: there is no such key: {unknown(path.split('.')[-1], owner, known)}"


def unknown(key: object, owner: str, known: Iterable[str]) -> str:
    """What a key may have been meant to be, and the keys that its owner has."""
    names = list(known)
    few = len(names) <= FEW
    hint = did_you_mean(key, names, 1 if few else 3)
    return f"{hint}{owner} has {(', '.join(names) if few else 'those in --help') or 'no settings'}"


def unknown_option(
    option: object, group: str, known: Iterable[str], chosen: Mapping[str, Any]
) -> str:
    """What an unknown option was meant to be: another option, or a setting of one chosen.

    Args:
        option: the name that no option bears.
        group: as `optimizer`.
        known: the options of the group.
        chosen: the options that were chosen of it, this one too, with their settings.
    """
    for name, values in chosen.items():
        if isinstance(values, Mapping) and option in values:
            return f"is a setting of {name}: did you mean {group}.{name}.{option}?"
    return unknown(option, group, known)


def _place(error: Any) -> tuple[str, Iterable[str]]:
    """The part of the config where an unknown key stands, and the keys that are there."""
    if len(error["loc"]) == 1:
        return "the config", KNOWN
    fields, owner = Config.model_fields, ""
    for part in error["loc"][:-1]:
        kind: Any = fields[part].annotation
        fields, owner = kind.model_fields, part
    return owner, fields
