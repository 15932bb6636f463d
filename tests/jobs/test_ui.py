"""The pages: they are there when a link is printed, show what it says, and end without a trace."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.browser import BROWSER, browser
from tests.conftest import free_port
from tests.jobs.conftest import Command, Ended, ended, until
from tuner.jobs.ui import STARTING
from tuner.tracking.listening import Place
from tuner.tracking.pages import Pages
from tuner.tracking.store import Store

slow = pytest.mark.slow


@dataclass
class Served:
    """The job at work on the finished study, and what it has printed."""

    process: "subprocess.Popen[str]"
    out: Path
    err: Path

    @property
    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()

    def after(self, words: str) -> str:
        """The link below a line that begins with these words."""
        at = next(n for n, line in enumerate(self.lines) if line.startswith(words))
        return self.lines[at + 1].strip()

    @property
    def port(self) -> int:
        return int(re.findall(r"http://[^/]*:(\d+)/", self.out.read_text())[0])


def serve(command: Command, folder: Path, *settings: str) -> Served:
    """Starts the job and waits for its last link."""
    folder.mkdir(exist_ok=True)
    own = folder / "out", folder / "err"
    with own[0].open("w") as out, own[1].open("w") as err:
        process = command.start(
            "job=ui", "tracking=mlflow", *settings, start_new_session=True, stdout=out, stderr=err
        )
    served = Served(process, *own)
    try:
        until(lambda: "compareRunsMode" in served.out.read_text(), process)
    except BaseException:
        process.terminate()
        process.wait()
        raise AssertionError(served.err.read_text()) from None
    return served


@pytest.fixture(scope="module")
def several(
    finished: tuple[Command, Ended], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Command, Ended]:
    """Three studies of one root: two that MLflow knows, and one that it does not."""
    root = tmp_path_factory.mktemp("several") / "mlruns"
    shutil.copytree(finished[0].root, root)
    command = Command(root)
    told = command.call("study.name=second", "tracking=mlflow", "confirm.top=0", "budget.trials=2")
    command.call("study.name=untold", "tracking=none", "confirm.top=0", "budget.trials=1")
    return command, told


@pytest.fixture(scope="module")
def pages(
    several: tuple[Command, Ended], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The pages of several studies, at a port that was not asked for while 5000 is busy."""
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 5000))
            other.listen()
        except OSError:
            pass  # somebody else keeps it busy
        served = serve(several[0], tmp_path_factory.mktemp("pages"), "study.name=adam")
    yield served
    served.process.terminate()
    served.process.wait(30)


@slow
def test_where_the_default_port_is_busy_the_links_name_the_free_one_that_was_taken(
    pages: Served,
) -> None:
    assert pages.port != 5000
    links = re.findall(r"http://\S+", pages.out.read_text())
    assert {re.match(r"http://127\.0\.0\.1:(\d+)/", link)[1] for link in links} == {str(pages.port)}  # type: ignore[index]
    assert pages.err.read_text() == f"tuner: {STARTING}\n"
    assert all("workflowType=machine_learning" in link for link in links)


@slow
def test_each_study_is_told_with_its_state_its_winner_and_its_link(
    pages: Served, several: tuple[Command, Ended]
) -> None:
    command = several[0]
    winner = command.result("adam")["winner"]["number"]
    told = [line for line in pages.lines if not line.startswith(" ")][3:]
    assert told[0] == f"adam: finished, the winner is trial {winner}:"  # the one that was named
    assert told[1].startswith("second: finished, the winner is trial ")
    assert told[2:] == ["untold: has no page yet: job=republish study.name=untold makes it"]
    for name in ("adam", "second"):
        kept = json.loads((command.folder(name) / "result.json").read_text())["run"]["curves"]
        assert kept.startswith("#/experiments/")
        assert pages.after(f"{name}:") == f"http://127.0.0.1:{pages.port}/{kept}"
    assert f"python -m tuner job=ui study.name=second root={command.root}" in several[1].out


@slow
def test_the_pages_are_served_by_few_processes(pages: Served) -> None:
    assert 2 <= len(of_group_of_children(pages.process.pid)) <= 3


@slow
@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_the_link_to_all_studies_shows_them_without_their_trials(
    pages: Served, tmp_path: Path
) -> None:
    with browser(tmp_path) as page:
        page.size(1600, 1200)
        text = page.open(pages.after("All studies"), "adam", "second", "matching runs")
        assert "trial 0" not in text
        assert "2\nmatching runs" in text or "2 matching runs" in text
        assert "Model training" in text
        assert ours(page.errors) == []


@slow
@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
def test_the_link_of_a_study_shows_the_curves_of_its_trials_the_best_first(
    pages: Served, several: tuple[Command, Ended], tmp_path: Path
) -> None:
    states = several[0].states("adam")
    with browser(tmp_path) as page:
        page.size(1600, 1600)
        link = pages.after("adam:")
        names = names_of(pages.port, link)
        assert len(names) == len(states)
        text = page.open(link, "train_loss", f"{len(states)} matching runs", *names)
        assert "second" not in text
        drawn = "document.querySelectorAll('.trace.scatter').length"
        until(lambda: page.value(drawn) >= len(states), pages.process)
        assert ours(page.errors) == []


def ours(errors: list[str]) -> list[str]:
    """Errors of a page, but for those that MLflow's own pages have with any run."""
    return [e for e in errors if "users/current" not in e and "ResizeObserver" not in e]


def of_group_of_children(parent: int) -> list[int]:
    """Processes of the sessions that the children of a process have begun."""
    begun = [process for process, own, of in stats() if of == parent and own == process]
    return [process for process, own, _ in stats() if own in begun]


def stats() -> list[tuple[int, int, int]]:
    """Each process that is alive: its number, its session and who started it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if fields[0] != "Z":
            found.append((int(stat.parent.name), int(fields[3]), int(fields[1])))
    return found


def stay(processes: list[int]) -> list[int]:
    """Which of these are still alive after a while."""
    last = time.monotonic() + 20
    while True:
        alive = [process for process, *_ in stats() if process in processes]
        if not alive or time.monotonic() > last:
            return alive
        time.sleep(0.1)


@slow
def test_the_last_test_of_these_pages_sigterm_ends_them_and_no_process_stays(
    pages: Served,
) -> None:
    children = of_group_of_children(pages.process.pid)
    pages.process.send_signal(signal.SIGTERM)
    assert pages.process.wait(60) == 143
    assert stay(children) == []
    assert pages.err.read_text() == f"tuner: {STARTING}\n"


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_while_the_server_starts_ends_it_as_well(
    number: signal.Signals, finished: tuple[Command, Ended], tmp_path: Path
) -> None:
    process = finished[0].start("job=ui", "tracking=mlflow", f"ui.port={free_port()}")
    until(lambda: bool(of_group_of_children(process.pid)), process)
    children = of_group_of_children(process.pid)
    process.send_signal(number)
    told = ended(process)
    assert told.code == 128 + number
    assert told.err == f"tuner: {STARTING}\n"
    assert "http" not in told.out
    assert stay(children) == []


@pytest.fixture(scope="module")
def open_pages(
    finished: tuple[Command, Ended], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The pages for everybody who reaches this machine, killed at the end."""
    port = free_port()
    folder = tmp_path_factory.mktemp("open")
    served = serve(finished[0], folder, "ui.host=0.0.0.0", f"ui.port={port}")
    assert served.port == port
    yield served
    children = of_group_of_children(served.process.pid)
    assert len(children) >= 2
    served.process.kill()
    served.process.wait()
    assert stay(children) == []


@slow
def test_pages_for_others_answer_under_the_printed_address_and_say_who_may_see_them(
    open_pages: Served,
) -> None:
    assert any(line.startswith("ui.host: 0.0.0.0: whoever") for line in open_pages.lines)
    match = re.match(r"http://([^/]+):\d+/", open_pages.after("adam:"))
    assert match is not None
    address, port = match[1], open_pages.port
    for name in (address, socket.gethostname(), "localhost"):
        # As a browser asks whose page is open at that name.
        assert search(port, Host=f"{name}:{port}", Origin=f"http://{name}:{port}")[0] == 200
    assert search(port, Host=f"elsewhere.example:{port}")[0] == 403
    assert search(port, Host=f"{address}:{port}", Origin="http://elsewhere.example")[0] == 403


def search(port: int, asked: str = "", **headers: str) -> tuple[int, str]:
    """The status and the body of the answer to a search for runs, as MLflow's pages make it."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        body = json.dumps({"experiment_ids": ["1"], "filter": asked})
        more = {"Content-Type": "application/json", **headers}
        connection.request("POST", "/ajax-api/2.0/mlflow/runs/search", body, more)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


def names_of(port: int, link: str) -> list[str]:
    """The names of the runs of the study that a link is of."""
    match = re.search(r"%27(\w+)%27", link)
    assert match is not None
    _, found = search(port, f"tags.mlflow.parentRunId = '{match[1]}'")
    return [run["info"]["run_name"] for run in json.loads(found)["runs"]]


@pytest.fixture
def stored(command: Command) -> Command:
    """A root with a database."""
    command.root.mkdir()
    (command.root / "mlflow.db").touch()
    return command


def test_a_given_port_that_is_busy_is_refused_in_one_line(stored: Command) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        told = stored.call("job=ui", "tracking=mlflow", f"ui.port={port}")
    assert told.code == 2
    assert told.err == f"tuner: ui.port: {port}: is in use: give another, or none for a free one\n"
    assert told.out == ""


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid", "a..b"])
def test_a_host_that_is_not_this_machine_is_refused_in_one_line(host: str, stored: Command) -> None:
    told = stored.call("job=ui", "tracking=mlflow", f"ui.host={host}")
    assert told.code == 2
    assert told.err.startswith(
        (
            f"tuner: ui.host: {host}: is not an address of ",
            f"tuner: ui.host: {host}: is neither an address ",
        )
    )
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("code", [0, 3])
def test_a_server_that_does_not_come_up_is_told_in_one_line_that_names_its_log(
    code: int, stored: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"print('no such thing'); raise SystemExit({code})"
    argv = [sys.executable, "-c", script]
    monkeypatch.setattr(Store, "ui_command", lambda *_: (argv, os.environ))
    told = stored.call("job=ui", "tracking=mlflow", "quiet=true")
    assert told.code == 1
    assert told.out == ""
    match = re.fullmatch(r"tuner: MLflow's server has ended by itself: its log is (.*)\n", told.err)
    assert match is not None
    log = Path(match[1])
    assert log.read_text() == "no such thing\n"
    log.unlink()


def test_another_server_on_the_port_is_not_taken_for_ours() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        here = Place("127.0.0.1", server.server_port, "127.0.0.1", False, ())
        assert not Pages(here, "token").answer()
        server.shutdown()
