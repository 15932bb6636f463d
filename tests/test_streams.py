"""Promises of the streams: nobody who reads, or does not, stops the work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import sys
from tuner import streams
streams.install()
for i in range(20000):
    print("line", i)
    print("line", i, file=sys.stderr)
open(sys.argv[1], "w").write("done")
sys.exit(7)
"""


@pytest.mark.parametrize("how", ["gone", "full", "closed", "ascii"])
def test_work_goes_on_and_its_exit_code_counts(how: str, tmp_path: Path, repository: Path) -> None:
    done = tmp_path / "done"
    command = f'{sys.executable} -c "$WORK" {done}'
    redirected = {
        "gone": f"{{ {command} 2>&1; echo $? > {tmp_path}/code; }} | head -1",
        "full": f"{command} > /dev/full 2>&1; echo $? > {tmp_path}/code",
        "closed": f"{command} >&- 2>&-; echo $? > {tmp_path}/code",
        "ascii": f"PYTHONIOENCODING=ascii {command} > /dev/null 2>&1; echo $? > {tmp_path}/code",
    }
    subprocess.run(
        ["bash", "-c", redirected[how]],
        env={**os.environ, "PYTHONPATH": str(repository), "WORK": WORK.replace('"line"', '"…"')},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.read_text() == "done"
    assert (tmp_path / "code").read_text().strip() == "7"
