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

REPOSITORY = Path(__file__).resolve().parents[1]
SHORTENED = REPOSITORY / "tests" / "shortened.py"
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
# Blocks that a reader copies; ```console and ```text show what is printed, or what is not run here.
# A Python block with a title is a file of that name, which the blocks after it run.
BLOCK = re.compile(r'^```(bash|python)(?: title="([\w.]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# The longest that the blocks of a page may take, in seconds.
LONGEST = 600


def script(page: str) -> str:
    """The blocks of a page as one script, which ends at the first command that fails."""
    parts = ["set -euo pipefail"]
    for i, (language, title, block) in enumerate(BLOCK.findall(page)):
        if language == "bash":
            parts.append(block)
            continue
        file = title or f"block_{i}.py"
        parts.append(f"cat > {file} <<'END OF BLOCK'\n{block}END OF BLOCK\n")
        if not title:
            parts.append(f"python {file}")
    return "\n".join(parts)


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
    programs, folder = tmp_path / "bin", tmp_path / "empty"
    programs.mkdir()
    folder.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} {SHORTENED} "$@"\n')
    (programs / "python").chmod(0o755)
    more = servers.get("PATH", os.environ["PATH"])
    path = f"{programs}:{Path(sys.executable).parent}:{more}"
    own = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)}
    printed = tmp_path / "printed.txt"
    with printed.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", script(page.read_text(encoding="utf-8"))],
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
    assert code == 0, printed.read_text(encoding="utf-8")
