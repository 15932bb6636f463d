"""The errors a user can cause: one line each, with the exit code of the command."""

import difflib
from collections.abc import Sequence


def did_you_mean(word: object, names: Sequence[str], most: int, alike: float = 0.6) -> str:
    """A question that names up to `most` names like the word, or nothing; ends in a space."""
    near = difflib.get_close_matches(str(word), names, most, alike)
    return f"did you mean {', '.join(near)}? " if near else ""


class UserError(Exception):
    """A mistake that the user can mend: one line that says what is wrong and what is allowed."""

    exit_code = 2


class BusyError(UserError):
    """Another process owns the study (exit code 75, EX_TEMPFAIL: try again later)."""

    exit_code = 75


class CrashError(UserError):
    """Something that no setting mends stopped the command: the disk, the memory, or a bug."""

    exit_code = 1
