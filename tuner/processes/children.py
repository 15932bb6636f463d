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

# What prctl(2) calls the signal that a process gets when the one that started it is gone.
PR_SET_PDEATHSIG = 1


def start(module: str, *arguments: object, **pipes: Any) -> "subprocess.Popen[Any]":
    """Starts `python -m module` with this very tuner.

    The first of its arguments is the number of this process, for `stand_back`. It ends with the
    thread that starts it.

    Args:
        module: its full name.
        arguments: of its command line.
        pipes: keywords as subprocess.Popen has them.
    """
    usual: Any = {"env": environment(), "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(os.getpid()), *map(str, arguments)],
        start_new_session=True,  # Ctrl-C is for the study
        **{**usual, **pipes},
    )


def environment() -> dict[str, str]:
    """The environment of such a process: it imports this tuner, and nothing of the current folder.

    An entry of PYTHONPATH that is empty or relative would mean that folder.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(Path(tuner.__file__).parents[1]), *filter(os.path.isabs, given)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def bound() -> list[str]:
    """Called by such a process: the study decides when it ends.

    It is killed when the study is gone, whatever it is at, even if it is stopped.

    Returns:
        Its own arguments.
    """
    parent, *arguments = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != int(parent):  # it was gone before
        os._exit(1)
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)
    return arguments


def stand_back() -> list[str]:
    """Called by such a process that the training goes before; otherwise as `bound`."""
    arguments = bound()
    os.nice(10)
    # MLflow, and imports, make objects by the thousand that stay, and hardly a cycle of them.
    gc.set_threshold(50_000, 50, 100)
    return arguments
