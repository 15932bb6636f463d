"""What the tests of the whole house share: the files in git, and fresh interpreters."""

import gc
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from tuner.tracking.model import UNTRACKED

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_finish() -> None:
    """Has this process import what saving a winner needs, and keeps what is imported to the end.

    A study starts a process for those imports, 2.6 s of a processor, unless they are made already.
    """
    for name in UNTRACKED:
        import_module(name.partition(":")[0])
    # No garbage collection looks at them again.
    gc.collect()
    gc.freeze()


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def files_in_git() -> list[Path]:
    """Every file that git keeps or would add, relative to the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout, or there is no git")
    paths = (Path(os.fsdecode(name)) for name in listed.split(b"\0") if name)
    return sorted(path for path in paths if (REPOSITORY / path).is_file())


@pytest.fixture(scope="session")
def interpreter(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python with some arguments from an empty folder, in a process of its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    # As Python starts outside a test run, whose own settings could decide what is loaded.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
