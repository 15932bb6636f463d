"""The command `tuner`, or `python -m tuner`."""

import os
import sys
from contextlib import suppress

# `python -m`, and empty or relative entries of PYTHONPATH, put the current folder on the path,
# where a file may have the name of a module that is imported here.
for entry in ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]:
    with suppress(OSError, ValueError):
        if not os.path.isabs(entry):
            sys.path.remove(os.path.abspath(entry))

from tuner import streams  # noqa: E402
from tuner.cli import main  # noqa: E402


def run() -> None:
    """Runs the command and exits; a closed output stream does not change the exit code."""
    streams.install()
    code = main()
    sys.stdout.flush()
    sys.exit(code)


if __name__ == "__main__":
    run()
