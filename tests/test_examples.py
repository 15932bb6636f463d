"""The examples do what they say: each is tuned by its own command, and a kill changes nothing."""

import ast
import importlib.util
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tuner.composing import compose
from tuner.config import check
from tuner.function import declared

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
LONGEST = 60

# What an example needs, beside what tuner needs.
NEEDS = {"torch_fashion.py": "torch", "lightgbm_rounds.py": "lightgbm"}
IMAGES = Path("/usr/share/datasets/fashion-mnist")


def commands(script: str) -> list[list[str]]:
    """Those in the example's docstring."""
    said = ast.get_docstring(ast.parse((EXAMPLES / script).read_text(encoding="utf-8"))) or ""
    lines = re.findall(rf"^    (python examples/{script} .*)$", said, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def started(command: list[str], folder: Path) -> "subprocess.Popen[str]":
    """The command, in a folder where the examples are."""
    return subprocess.Popen(
        [sys.executable, *command[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), *sys.path])},
    )


def result(folder: Path) -> dict[str, Any]:
    (file,) = folder.glob("mlruns/studies/*/result.json")
    plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return plain["result"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_is_of_one_screen_and_says_its_command(script: str) -> None:
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert commands(script)


def needed(script: str) -> None:
    """Skips an example whose library, or whose data, are not here."""
    need = NEEDS.get(script)
    if need and importlib.util.find_spec(need) is None:
        pytest.skip(f"needs {need}")
    if need == "torch" and not IMAGES.exists():
        pytest.skip("needs Debian's package dataset-fashion-mnist")


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_commands_of_an_example_are_right(script: str) -> None:
    needed(script)
    path = EXAMPLES / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (name,) = re.findall(r"tuner\.main\((\w+)\)", path.read_text(encoding="utf-8"))
    own = declared(getattr(module, name), f"python examples/{script}")
    for command in commands(script):
        config = check(compose(command[2:], None, own), own)
        assert config.program == " ".join(command[:2])


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_that_is_killed_ends_as_one_that_is_not(script: str, tmp_path: Path) -> None:
    needed(script)
    command = commands(script)[0]
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        shutil.copytree(EXAMPLES, folder / "examples")
    whole, killed = folders
    began = time.monotonic()
    said, errors = (process := started(command, whole)).communicate(timeout=900)
    seconds = time.monotonic() - began
    assert process.returncode == 0, errors
    assert "the winner is trial " in said
    assert ": python examples/" in said
    # After what it imports has been read, and before it ends: a random instant of the work.
    process = started(command, killed)
    time.sleep(random.uniform(0.3, 0.9) * seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    said, errors = (process := started(command, killed)).communicate(timeout=900)
    assert process.returncode == 0, errors
    assert result(killed) == result(whole)
