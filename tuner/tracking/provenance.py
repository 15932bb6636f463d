"""Provenance: who ran what, and at which commit, as the tags that MLflow's pages know."""

import functools
import getpass
import subprocess
from collections.abc import Mapping
from pathlib import Path

import tuner
from tuner.function import PROGRAM

# The tag with the program that ran.
SOURCE = "mlflow.source.name"


@functools.cache
def provenance() -> Mapping[str, str]:
    """The tags of user, source and (in a git checkout) commit; determined once per process."""
    tags = {
        "mlflow.user": _user(),
        SOURCE: PROGRAM,
        "mlflow.source.type": "LOCAL",
    }
    commit = _commit(Path(tuner.__file__).parent)
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container the user id may have no name
        return "unknown"


def _commit(folder: Path) -> str | None:
    """The commit that is checked out around `folder`; None if git does not track the folder."""
    try:
        if not _git(folder, "ls-files", "__init__.py"):
            return None
        return _git(folder, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *command: str) -> str:
    asked = ["git", "-C", str(folder), *command]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
