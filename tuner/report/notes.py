"""Notes: what a command says beside its result, unless it is asked to be quiet."""

import sys

from tuner.config import Config


def note(config: Config, message: str) -> None:
    """A line on the standard error: what the command is at."""
    if not config.quiet:
        print(message, file=sys.stderr, flush=True)


def say(config: Config, line: str) -> None:
    """A line before the result, which has the standard output for itself where it is JSON."""
    if config.output == "json":
        note(config, line)
    elif not config.quiet:
        print(line)
