"""Studies named on the command line: `+range=<study>`, `+best=<study>`, `+next=<study>`."""

from typing import Any

from tuner.composing.best import BEST
from tuner.composing.next_round import NEXT
from tuner.composing.ranges import RANGE
from tuner.errors import UserError

# What each key takes from a study, in words.
TAKEN = {
    RANGE: "what job=range_test found",
    BEST: "the winner's settings",
    NEXT: "the round after that study",
}


def study_name(key: str, line: str, value: Any) -> str:
    """The study that `+<key>=<study>` names.

    Args:
        key: one of TAKEN.
        line: the override as given.
        value: the value after the `=`, as parsed by Hydra.

    Raises:
        UserError: if the `+` is missing.
    """
    # A name may look like a number, such as 007.
    name = value if isinstance(value, str) else line.partition("=")[2].strip()
    if not line.startswith("+"):
        raise UserError(f"{key}: {name}: give +{key}={name} for {TAKEN[key]}")
    return name
