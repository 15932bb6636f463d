"""Promises of compiling ahead: two processes share the work, and no number depends on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A first run, which says how many functions it compiled itself.
FIRST_RUN = """
import os, signal, sys
from numba.core import event
from tuner.study import ahead
from tuner.cli import main

begin = ahead.start

def started(rows):
    {second}

ahead.start, compiled = started, event.RecordingListener()
with event.install_listener("numba:compile", compiled):
    code = main(sys.argv[1:])
print(len(compiled.buffer) // 2, file=sys.stderr)
sys.exit(code)
"""
# How the second process is started.
WELL = "return begin(rows)"
KILLED = "process = begin(rows); os.kill(process.pid, signal.SIGKILL); return process"


def first_run(folder: Path, second: str) -> tuple[int, str]:
    """The number of functions that the command compiled, and its trials.

    Args:
        folder: for the study, and for a cache that is empty.
        second: how the second process is started.
    """
    given = "data=iris", "model=mlp", "budget.trials=4", "budget.epochs=3", "confirm.top=0"
    own = "threads=2", f"root={folder}", "study.name=first", "tracking=none"
    run = subprocess.run(
        [sys.executable, "-c", FIRST_RUN.format(second=second), *given, *own],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    trials = folder / "studies" / "first" / "trials.csv"
    return int(run.stderr.split()[-1]), trials.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_second_process_compiles_a_part_and_changes_no_number(tmp_path: Path) -> None:
    alone, expected = first_run(tmp_path / "alone", KILLED)
    shared, trials = first_run(tmp_path / "shared", WELL)
    assert shared < alone
    assert trials == expected
