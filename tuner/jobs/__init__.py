"""Jobs: one file each, run as `job=<name>`; its `run` connects the other packages."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tuner import discovery


def names() -> list[str]:
    """Names of all jobs."""
    return discovery.names(__name__)


def looks_at_a_study(name: str) -> bool:
    """Whether a job takes a study that is there, as its source says; nothing is imported."""
    spec = find_spec(f"{__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    return re.search(r"\bimport\b.*\b(of_study|folder_of)\b", source) is not None


def load(name: str) -> Callable[..., int]:
    """The `run` of the job of that name, which takes a Config and an Event that asks it to stop.

    Raises:
        KeyError: if there is none.
    """
    run: Callable[..., int] = discovery.load(__name__, name).run
    return run


def outputs(name: str) -> tuple[str, ...]:
    """How the job of that name can tell its result (the key `output`): `OUTPUTS` of its file."""
    told: tuple[str, ...] = getattr(discovery.load(__name__, name), "OUTPUTS", ("text",))
    return told
