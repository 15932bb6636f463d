"""The command `tuner`, or `python -m tuner`."""

import os
import sys

from tuner.cli import main


def run() -> None:
    """Runs the command of this process, and ends it."""
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Whoever read the output has gone: nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    run()
