"""Jobs: one file each, run as `job=<name>`; their `run` functions connect the other packages."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tuner import discovery


def names() -> list[str]:
    """Names of all jobs."""
    return discovery.names(__name__)


def looks_at_a_study(name: str) -> bool:
    """Whether a job works on an existing study, according to its source; nothing is imported."""
    spec = find_spec(f"{__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    return re.search(r"\bimport\b.*\b(of_study|folder_of)\b", source) is not None


def load(name: str) -> Callable[..., int]:
    """The `run` function of a job, which takes a Config and an Event that is set to stop it.

    Raises:
        KeyError: if there is none.
    """
    run: Callable[..., int] = discovery.load(__name__, name).run
    return run


def outputs(name: str) -> tuple[str, ...]:
    """The values of the key `output` that a job supports: `OUTPUTS` in its file."""
    told: tuple[str, ...] = getattr(discovery.load(__name__, name), "OUTPUTS", ("text",))
    return told
