"""MLflow's web pages, served from this machine."""

import ctypes
import http.client
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from threading import Event
from typing import Any

from tuner.errors import CrashError
from tuner.processes.children import PR_SET_PDEATHSIG
from tuner.tracking import links
from tuner.tracking.listening import Place
from tuner.tracking.lookup import DUPLICATE, UNKNOWN
from tuner.tracking.store import Store
from tuner.training.loop import Interrupted

# Seconds that the server may take to start and to end, and between two checks.
STARTS, ENDS, GLANCE = 180, 10, 0.1

# A header of every answer, by which the server is told from another one on the same port.
HEADER = "tuner-pages"


@dataclass(frozen=True)
class Project:
    """An experiment in MLflow.

    Attributes:
        page: the link to the project's studies.
    """

    experiment_id: str
    name: str
    page: str


@dataclass(frozen=True)
class StudyRun:
    """The run of a study in MLflow."""

    experiment_id: str
    run_id: str
    study: str
    key: str
    state: str


class Pages:
    """The pages of a running server.

    Args:
        place: the server's address.
        token: the value of the header of every answer.
    """

    def __init__(self, place: Place, token: str) -> None:
        self.place, self.token = place, token

    def link(self, page: str) -> str:
        """The URL of a page of `tuner.tracking.links`."""
        return self.place.url + page

    def answer(self) -> bool:
        """Whether the pages answer, and with this server's token."""
        with suppress(OSError, http.client.HTTPException):
            status, token, _ = self._ask("GET", "/health")
            return status == 200 and token == self.token
        return False

    def projects(self) -> list[Project]:
        """All experiments.

        Raises:
            CrashError: if the server refuses the request.
        """
        return [
            Project(own["experiment_id"], own["name"], links.studies(own["experiment_id"], tags))
            for own in self._found("experiments", {"max_results": 1000})
            for tags in [_tags(own)]
        ]

    def studies(self, projects: Sequence[Project]) -> list[StudyRun]:
        """The runs of the studies in these projects, the newest first.

        Raises:
            CrashError: if the server refuses the request.
        """
        asked = {
            "experiment_ids": [project.experiment_id for project in projects],
            "filter": links.STUDIES,
            "order_by": ["attributes.start_time DESC"],
            "max_results": 1000,
        }
        runs = []
        for run in self._found("runs", asked):
            place, tags = run["info"], _tags(run["data"])
            own = [tags.get(f"tuner.{name}", "") for name in ("study", "key", "state")]
            runs.append(StudyRun(place["experiment_id"], place["run_id"], *own))
        return [run for run in runs if run.state not in (DUPLICATE, UNKNOWN)]

    def _found(self, what: str, asked: Mapping[str, object]) -> Iterator[Any]:
        page = None
        while page != "":
            body = asked if page is None else {**asked, "page_token": page}
            status, _, text = self._ask("POST", f"/api/2.0/mlflow/{what}/search", json.dumps(body))
            if status != 200:
                raise CrashError(
                    f"MLflow's server refused to list the {what}: {status}: {text[:300]}"
                )
            answer = json.loads(text)
            yield from answer.get(what, [])
            page = answer.get("next_page_token", "")

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str | None, str]:
        connection = http.client.HTTPConnection(self.place.address, self.place.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.getheader(HEADER), answer.read().decode()
        finally:
            connection.close()


def _tags(of: Any) -> Mapping[str, str]:
    return {tag["key"]: tag["value"] for tag in of.get("tags", [])}


@dataclass(frozen=True)
class Server:
    """The server of the pages, a process with children.

    Attributes:
        log: the file of its output.
        stop: asks the server to end.
    """

    pages: Pages
    process: "subprocess.Popen[bytes]"
    log: Path
    stop: Event

    def start(self) -> None:
        """Waits until the pages are served.

        Raises:
            CrashError, Interrupted: as `wait` does.
        """
        last = time.monotonic() + STARTS
        while not self.pages.answer():
            self._look()
            if time.monotonic() > last:
                raise CrashError(f"MLflow's server did not start within {STARTS} s: see {self.log}")

    def wait(self) -> None:
        """Waits until the server ends.

        Raises:
            CrashError: if the server ended by itself.
            Interrupted: if `stop` was set.
        """
        while True:
            self._look()

    def _look(self) -> None:
        if self.stop.wait(GLANCE):
            raise Interrupted
        if self.process.poll() is not None:
            raise CrashError(f"MLflow's server has ended by itself: its log is {self.log}")

    def end(self) -> None:
        """Ends the server and its child processes."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(ENDS)


@contextmanager
def served(store: Store, place: Place, stop: Event) -> Iterator[Server]:
    """Serves the pages of a store while the block runs; the block starts when they are there.

    Args:
        store: a store with a database.
        place: the address to serve at.
        stop: asks the server to end.

    Raises:
        CrashError: if the server does not start; its log is kept.
        Interrupted: if `stop` was set.
    """
    pages = Pages(place, secrets.token_hex(8))
    argv, environment = store.ui_command(place.port, place.listens, f"{HEADER}:{pages.token}")
    handle, log = mkstemp(prefix="tuner-ui-", suffix=".log")
    # The server would import modules from its current folder, so it gets an empty one.
    with os.fdopen(handle, "wb") as file, TemporaryDirectory() as empty:
        process = subprocess.Popen(
            argv,
            env={**place.environment, **environment},
            cwd=empty,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C reaches this process only, which then ends the server
            preexec_fn=partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, int(signal.SIGTERM)),
        )
        server = Server(pages, process, Path(log), stop)
        try:
            server.start()
            yield server
        except CrashError:
            server.end()
            raise
        except BaseException:
            server.end()
            server.log.unlink()
            raise
