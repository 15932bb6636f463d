"""Child processes: how they are started, and how they leave the processor to the training."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import tuner

# The option of prctl(2) for the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


def start(module: str, *arguments: object, **pipes: Any) -> "subprocess.Popen[Any]":
    """Starts `python -m module` with this installation of tuner.

    The first argument is the id of this process, which `bound` needs. The child process dies with
    the thread that starts it.

    Args:
        module: the module's full name.
        arguments: the arguments on its command line.
        pipes: keyword arguments of subprocess.Popen.
    """
    usual: Any = {"env": environment(), "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(os.getpid()), *map(str, arguments)],
        start_new_session=True,  # Ctrl-C must reach the study only
        **{**usual, **pipes},
    )


def environment() -> dict[str, str]:
    """The environment of child processes: they import this tuner, and nothing from their folder.

    An empty or relative entry of PYTHONPATH is dropped, since it would mean the current folder.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(Path(tuner.__file__).parents[1]), *filter(os.path.isabs, given)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def bound() -> list[str]:
    """Ties a child process to its parent; the child calls it first.

    The child is killed when its parent dies, even while it is suspended. It ignores SIGINT, SIGTERM
    and SIGHUP.

    Returns:
        The child's own arguments.
    """
    parent, *arguments = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != int(parent):  # the parent died before the call above
        os._exit(1)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    return arguments


def stand_back() -> list[str]:
    """As `bound`, for a child process that must leave the processor to the training."""
    arguments = bound()
    os.nice(10)
    # Imports and MLflow create thousands of lasting objects, and hardly any cycles.
    gc.set_threshold(50_000, 50, 100)
    return arguments
