"""The errors a user can cause: one line each, with the exit code of the command."""

import difflib
import re
import shlex
from collections.abc import Callable, Sequence

# The most characters of a line, and those kept at its end, which says what is allowed.
LONGEST, ENDING = 1000, 300

# Credentials before the host of a URI, and secrets in its query.
CREDENTIALS = re.compile(r"\b(?!sqlite)(\w[\w+.-]*://)[^\s]*@")
SECRETS = re.compile(
    r"([?&][\w-]*(?i:pass|passwd|password|pwd|auth|token|secret|_key|apikey)=)[^&\s#]+"
)

# Limits on the names and their letters keep the search for similar ones fast.
MANY, LETTERS = 1000, 100


def did_you_mean(word: object, names: Sequence[str], most: int, alike: float = 0.6) -> str:
    """A question that names up to `most` names like the word, or nothing; ends in a space."""
    short = [name for name in names[:MANY] if len(name) <= LETTERS]
    near = difflib.get_close_matches(str(word)[:LETTERS], short, most, alike)
    return f"did you mean {', '.join(near)}? " if near else ""


def masked(text: str) -> str:
    """A text without the users and passwords of its URIs.

    >>> masked("http://me:secret@host:5000/ and postgresql://me@host/db")
    'http://***@host:5000/ and postgresql://***@host/db'
    """
    return SECRETS.sub(r"\1***", CREDENTIALS.sub(r"\1***@", text))


def printable(text: str) -> str:
    """A line that is safe to print and to show.

    Non-printable characters are escaped, long texts are cut, and users and passwords in URIs are
    masked.

    >>> printable("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    text = masked(text)
    if len(text) > LONGEST:
        cut = f" ... ({len(text)} characters) ... "
        text = text[: LONGEST - len(cut) - ENDING] + cut + text[-ENDING:]
    return escaped(text)


def escaped(text: str) -> str:
    """A line with non-printable characters escaped, so that it cannot control a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# Words that need no quotes on the command line; words with a special meaning do.
BARE = re.compile(r"(?!(?:null|true|false|nan|inf)$)[A-Za-z_][A-Za-z0-9_.-]*", re.IGNORECASE)


def setting(key: str, names: str | Sequence[str]) -> str:
    """A setting whose value is one name or several, as typed in a shell.

    >>> print(setting("data.exclude", ["id", "price (EUR)"]))
    'data.exclude=[id,"price (EUR)"]'
    """
    value = _quoted(names) if isinstance(names, str) else f"[{','.join(map(_quoted, names))}]"
    return shlex.quote(f"{key}={value}") if '"' in value else f"{key}={value}"


def _quoted(name: str) -> str:
    """A name for Hydra, quoted if needed."""
    if BARE.fullmatch(name):
        return name
    pieces = name.replace("${", "\\${").split('"')
    # Hydra reads backslashes literally except before a quote.
    return '"' + '\\"'.join(p + "\\" * (len(p) - len(p.rstrip("\\"))) for p in pieces) + '"'


class UserError(Exception):
    """A mistake that the user can mend, in one line that says what is wrong and what is allowed.

    Args:
        lines: one, or one for each mistake; they are made printable.
    """

    exit_code = 2

    def __init__(self, *lines: str) -> None:
        super().__init__(*map(printable, lines))

    def __str__(self) -> str:
        return "\n".join(self.args)


class BusyError(UserError):
    """Another process owns the study (exit code 75, EX_TEMPFAIL: try again later).

    Args:
        line: says who does.
        still: tells, at any time, whether one still does.
    """

    exit_code = 75

    def __init__(self, line: str, still: Callable[[], object]) -> None:
        super().__init__(line)
        self.still = still


class CrashError(UserError):
    """Something that no setting mends stopped the command: the disk, the memory, or a bug."""

    exit_code = 1
