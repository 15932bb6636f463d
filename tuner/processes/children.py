"""Processes beside a study: how they are started, and how they stand back."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import tuner


def start(module: str, *arguments: object, **pipes: Any) -> "subprocess.Popen[Any]":
    """Starts `python -m module` with this very tuner.

    Args:
        module: its full name.
        arguments: of its command line.
        pipes: keywords as subprocess.Popen has them.
    """
    paths = [str(Path(tuner.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the study
        **pipes,
    )


def stand_back() -> None:
    """Called by such a process: the study decides when it ends, and its training goes first."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    os.nice(10)
    # MLflow, and imports, make objects by the thousand that stay, and hardly a cycle of them.
    gc.set_threshold(50_000, 50, 100)
