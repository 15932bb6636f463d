"""The pages of docs/ do what they say: their blocks of shell and Python are run, page by page."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import postgresql
from tests.blocks import BLOCK, PRINTED, not_printed, script

REPOSITORY = Path(__file__).resolve().parents[1]
SHORTENED = REPOSITORY / "tests" / "shortened.py"
PAGES = [
    page
    for page in sorted((REPOSITORY / "docs").rglob("*.md"))
    if BLOCK.search(page.read_text(encoding="utf-8"))
]
# The longest that the blocks of a page may take, in seconds.
LONGEST = 600
# Pages whose studies are small and run as written, and print what the page says.
WHOLE = "course"
# Of commands and of what a page shows of their output: with these, MLflow is on, as by default.
TRACKED = re.compile(r"mlflow|promot|job=(ui|delete|doctor|republish)|All curves", re.IGNORECASE)


@pytest.fixture
def servers(page: Path) -> Iterator[dict[str, str]]:
    """What a page takes for granted, as variables of the environment."""
    if page.stem != "postgresql":
        yield {}
        return
    with postgresql.running() as server:
        yield server.environment()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_one_after_another_in_an_empty_folder(
    page: Path, tmp_path: Path, servers: dict[str, str]
) -> None:
    text = page.read_text(encoding="utf-8")
    programs, folder = tmp_path / "bin", tmp_path / "empty"
    programs.mkdir()
    folder.mkdir()
    whole = page.parent.name == WHOLE
    shown = "\n".join([script(text), *PRINTED.findall(text)])
    how = " ".join(["whole"] * whole + ["tracked"] * bool(TRACKED.search(shown)))
    run = f"{sys.executable} {SHORTENED} '{how}'"
    (programs / "python").write_text(f'#!/bin/sh\nexec {run} "$@"\n')
    (programs / "python").chmod(0o755)
    more = servers.get("PATH", os.environ["PATH"])
    path = f"{programs}:{Path(sys.executable).parent}:{more}"
    own = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)}
    printed = tmp_path / "printed.txt"
    with printed.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", script(text)],
            cwd=folder,
            env=os.environ | servers | own,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        code = process.wait(LONGEST)
    finally:
        with suppress(ProcessLookupError):
            # Servers that a page starts end with it.
            os.killpg(process.pid, signal.SIGKILL)
    told = printed.read_text(encoding="utf-8")
    assert code == 0, told
    if whole:
        assert not [*not_printed(text, told)], told
