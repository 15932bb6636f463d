"""Notes: what a command prints beside its result, unless it is asked to be quiet."""

import sys

from tuner.config import Config

# What a wait is for, the first time that a machine trains, and that it trains these models.
COMPILING = "compiling for this machine, which happens once"
COMPILING_MODELS = "compiling for this machine and these models, once only"


def note(config: Config, message: str) -> None:
    """A line on the standard error: what the command is at."""
    if not config.quiet:
        print(message, file=sys.stderr, flush=True)


def say(config: Config, *lines: str) -> None:
    """Lines before the result: what the command takes its work to be."""
    if not config.quiet:
        print(*lines, sep="\n")
