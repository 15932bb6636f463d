"""The pages: they show the curves of all trials, and end without leaving a process behind."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.jobs.conftest import Command, Ended, ended, until

pytestmark = pytest.mark.slow
BROWSER = shutil.which("chromium")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def answers() -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", 5000)) == 0


@pytest.fixture
def pages(
    finished: tuple[Command, Ended], processes: list["subprocess.Popen[str]"]
) -> Iterator["subprocess.Popen[str]"]:
    """The job at work on a finished study."""
    if answers():
        pytest.skip("port 5000 is in use")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = finished[0].start("job=ui", "tracking=mlflow", start_new_session=True, **quiet)
    processes.append(process)
    until(answers, process)
    yield process
    process.terminate()
    process.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_pages_are_served_until_a_signal_and_no_process_stays(
    number: signal.Signals, pages: "subprocess.Popen[str]"
) -> None:
    with urlopen("http://127.0.0.1:5000/") as answer:
        assert answer.status == 200
    assert len(of_session(pages.pid)) <= 4
    pages.send_signal(number)
    assert ended(pages).code in (0, 128 + number)
    assert not answers()
    assert of_session(pages.pid) == []


def of_session(session: int) -> list[Path]:
    """Processes that a process has started, itself included."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(stat)
    return found


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
@pytest.mark.usefixtures("pages")
def test_the_printed_link_shows_the_curves_of_all_trials(
    finished: tuple[Command, Ended], tmp_path: Path
) -> None:
    command, told = finished
    link = told.out.split()[-1]
    assert link == json.loads((command.folder("adam") / "result.json").read_text())["run"]["curves"]
    page = subprocess.run(
        [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path}", "--virtual-time-budget=60000",
         "--window-size=1600,1200", "--dump-dom", link],
        capture_output=True, text=True, timeout=240, check=True,
    ).stdout  # fmt: skip
    for number in command.states("adam"):
        assert f"trial {number}" in page
    assert "train_loss" in page
    # One for each curve that the charts draw.
    assert page.count("trace scatter") >= len(command.states("adam"))
