"""The command `tuner`, or `python -m tuner`."""

import os
import sys
from contextlib import suppress

# `python -m`, and an empty or relative entry of PYTHONPATH, stand for the current folder, where a
# file may be called as what is imported here.
for entry in ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]:
    with suppress(OSError, ValueError):
        if not os.path.isabs(entry):
            sys.path.remove(os.path.abspath(entry))

from tuner import streams  # noqa: E402
from tuner.cli import main  # noqa: E402


def run() -> None:
    """Runs the command of this process, and ends it; whether it can print decides nothing."""
    streams.install()
    code = main()
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    run()
