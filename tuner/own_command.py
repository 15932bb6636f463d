"""The command of a user's script: `tuner.main(train)` is the command line for that function."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner import cli, streams
from tuner.errors import UserError
from tuner.function import declared


def main(function: Callable[..., Any], arguments: Sequence[str] | None = None) -> None:
    """Tunes a training function from the shell, with all settings and jobs of `python -m tuner`.

    The function yields a mapping of numbers after each epoch. Its parameters with a default are
    settings under its name, such as `train.lr=0.1`. tuner itself passes the parameters epochs,
    seed, fold, folds, schedule, checkpoint and log. The process ends with the command's exit code.

    Args:
        function: a generator function.
        arguments: settings and flags; None takes those of the command line.
    """
    streams.install()
    try:
        own = declared(function, command())
    except UserError as error:
        print(*(f"tuner: {line}" for line in error.args), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
    code = cli.main(arguments, own)
    sys.stdout.flush()
    sys.exit(code)


def command() -> str:
    """The command that started this process, as people type it."""
    script = Path(sys.argv[0])
    with suppress(OSError, ValueError):
        script = Path(os.path.relpath(script))
    return shlex.join(["python", str(script)])
