"""Nothing by a stranger does anything: what is wrong or hostile is refused in one good line."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.jobs.conftest import FIRST_WORD
from tuner.errors import printable

HERE = Path(__file__).parent
LISTS = sorted(path.stem for path in HERE.glob("*_cases.py"))

# Seconds of computing that an answer may take, from the data too, and what it may take of memory.
SECONDS, OF_DATA, MEGABYTES = 2.0, 5.0, 1000.0


# Commands that one process runs.
MANY = 300


class Told(NamedTuple):
    """How a command ended, what it printed, and what it touched."""

    code: Any
    out: str
    err: str
    touched: list[str]
    seconds: float
    megabytes: float


def listed(name: str) -> dict[str, Any]:
    """The cases of a list."""
    found = dict(import_module(f"tests.hostile.{name}").cases())
    assert found
    return found


CASES = [(name, case) for name in LISTS for case in listed(name)]


def test_there_are_three_hundred_cases() -> None:
    assert len(set(CASES)) >= 300


class Harness:
    """A process that runs commands one after another, each in a folder of its own.

    A command keeps what it imported and composed, as one that ends may: after many, another process
    takes over, so that the memory of one case is not that of all before it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        """Starts the process; what all commands import and read is not what one of them takes."""
        # As for a user, whom a variable of the tests' own does not help.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST"))}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "harness.py")],
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(HERE.parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.commands = 0
        self.run(["nothing=1"])
        self.run(["data=iris", "model.mlp.hidden=[100000,100000,100000]"])
        self.run(["job=promote", "study.name=nobody"])

    def run(self, arguments: list[str]) -> Told:
        """Runs one command."""
        if self.commands == MANY:
            self.end()
            self.start()
        self.commands += 1
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(arguments), file=self.process.stdin, flush=True)
        return Told(**json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    own = Harness(tmp_path_factory.mktemp("harness"))
    yield own
    own.end()


def names(arguments: list[str], folder: Path) -> set[str]:
    """What an error may name: the keys that were given, and the files that were made."""
    found = {argument.lstrip("+~").partition("=")[0] for argument in arguments}
    found |= {printable(a) if a.strip() else repr(a) for a in arguments}
    found |= {part for key in set(found) for part in key.split(".")}
    for path in folder.rglob("*.yaml"):
        if path.is_file():
            found |= {path.name, *re.findall(r"\b(\w+):", path.read_text(errors="replace"))}
    return found | {path.stem for path in folder.rglob("*")} | {"config"}


@pytest.mark.parametrize(("list_", "case"), CASES, ids=lambda part: re.sub(r"[^\w.=]+", "_", part))
def test_what_is_wrong_or_hostile_gets_one_line_and_does_nothing(
    list_: str, case: str, harness: Harness, tmp_path: Path
) -> None:
    settings = listed(list_)[case](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = {setting.lstrip("+").partition("=")[0] for setting in settings}
    root = [] if "root" in given else [f"root={tmp_path / 'root'}"]
    told = harness.run([*settings, *root])
    assert told.code == 2, told
    assert told.out == ""
    errors = FIRST_WORD.sub("", told.err)
    lines = errors.splitlines()
    assert lines
    for line in lines:
        assert line.startswith("tuner: ")
        assert len(line) < 1100
        assert line.isprintable()
    assert any(name in errors for name in names(settings, tmp_path) if name.strip()), told.err
    assert told.touched == []
    assert sorted(tmp_path.rglob("*")) == before
    assert told.seconds < (OF_DATA if list_.startswith("data") else SECONDS)
    assert told.megabytes < MEGABYTES
