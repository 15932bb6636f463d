"""The command `tuner`, or `python -m tuner`."""

import sys

from tuner import streams
from tuner.cli import main


def run() -> None:
    """Runs the command of this process, and ends it; whether it can print decides nothing."""
    streams.install()
    code = main()
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    run()
