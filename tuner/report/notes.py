"""Notes: what a command prints besides its result, unless it is quiet."""

import sys

from tuner.config import Config

# The reasons for a wait when a machine trains for the first time, or these models for the first
# time.
COMPILING = "compiling for this machine, which happens once"
COMPILING_MODELS = "compiling for this machine and these models, once only"


def note(config: Config, message: str) -> None:
    """Prints on standard error what the command is doing."""
    if not config.quiet:
        print(message, file=sys.stderr, flush=True)


def say(config: Config, *lines: str) -> None:
    """Prints lines before the result: how the command understood its task."""
    if not config.quiet:
        print(*lines, sep="\n")
