"""Readers: one file each, found by name; a reader's `read` takes its keys of conf/data.

A reader's module imports fast: it imports pandas or scikit-learn only when it reads. `read` returns
a Source, and raises a UserError of one line if the data cannot be read.
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
        KeyError: there is no such reader.
    """
    read: Callable[..., Source] = discovery.load(__name__, name).read
    return read


def settings(name: str) -> dict[str, Any]:
    """The settings of a reader except `name`, as inspect.Parameter by key."""
    return {key: p for key, p in signature(load(name)).parameters.items() if key != "name"}


def read(name: str, reader: str, given: dict[str, Any]) -> Source:
    """Reads data with a reader.

    Args:
        name: the name of the data set.
        reader: the name of the reader.
        given: its settings, by key.

    Raises:
        UserError: the reader is unknown, does not take these settings, or cannot read the data.
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
