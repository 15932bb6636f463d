"""Readers: one file each, found by name; a reader's `read` takes the keys of conf/data it knows.

A reader's module is light to import: what it needs of pandas or scikit-learn, it imports as it
reads. `read` returns a Source and raises UserError, in one line, for what cannot be read.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from tuner import discovery
from tuner.data.kinds import settled
from tuner.data.source import Source
from tuner.errors import UserError, did_you_mean


def names() -> list[str]:
    """Names of all readers."""
    return discovery.names(__name__)


def load(name: str) -> Callable[..., Source]:
    """The `read` of the reader of that name.

    Raises:
        KeyError: if there is none.
    """
    read: Callable[..., Source] = discovery.load(__name__, name).read
    return read


def settings(name: str) -> dict[str, Any]:
    """The keys that a reader takes beside `name`, with their inspect.Parameter."""
    return {key: p for key, p in signature(load(name)).parameters.items() if key != "name"}


def read(name: str, reader: str, given: dict[str, Any]) -> Source:
    """What a reader makes of its settings.

    Args:
        name: what the data set is called.
        reader: the name of the reader.
        given: its settings, by key.

    Raises:
        UserError: for an unknown reader, for settings that the reader does not take, and for what
            it cannot read.
    """
    if reader not in names():
        raise UserError(f"data.reader: {reader!r}: must be one of {', '.join(names())}")
    taken = settings(reader)
    for key, value in given.items():
        if key not in taken:
            hint = did_you_mean(key, list(taken), 1)
            raise UserError(
                f"data.{key}: {value!r}: {hint}the reader {reader} takes "
                f"{', '.join(taken) or 'nothing'}"
            )
    for key, parameter in taken.items():
        if key not in given and parameter.default is parameter.empty:
            raise UserError(f"data.{key}: is missing: the reader {reader} needs it")
    named = {"name": name} if "name" in signature(load(reader)).parameters else {}
    return settled(load(reader)(**named, **given))
