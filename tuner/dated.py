"""Dated study names for scheduled jobs: `study.name=nightly-@date`."""

import re
from datetime import UTC, datetime

# Placeholders for the day and the time of a command, in UTC, with their formats.
TOKENS = {"@date": "%Y-%m-%d", "@time": "%H%M%S"}

# The placeholder for the digest of the data, which is known once they are read; its digits.
DIGEST, DIGITS = "@data", 12


def dated(name: str, now: datetime | None = None) -> str:
    """A study's name with @date and @time replaced by the day and the time of the command.

    >>> dated("nightly-@date", datetime(2026, 11, 29, 3, tzinfo=UTC))
    'nightly-2026-11-29'

    Args:
        name: the given name.
        now: the time of the command; the present by default.
    """
    moment = now or datetime.now(UTC)
    for token, form in TOKENS.items():
        name = name.replace(token, moment.strftime(form))
    return name


def is_pattern(name: str) -> bool:
    """Whether a name contains a placeholder."""
    return any(token in name for token in (*TOKENS, DIGEST))


def matches(pattern: str, name: str) -> bool:
    """Whether a study's name may come from a pattern.

    >>> matches("nightly-@date", "nightly-2026-11-29")
    True
    >>> matches("nightly-@date", "nightly-of-others")
    False
    """
    forms = {"@date": r"\d{4}-\d\d-\d\d", "@time": r"\d{6}", DIGEST: rf"[0-9a-f]{{{DIGITS}}}"}
    expression = re.escape(pattern)
    for token, form in forms.items():
        expression = expression.replace(re.escape(token), form)
    return re.fullmatch(expression, name) is not None
