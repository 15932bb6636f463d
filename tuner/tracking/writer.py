"""The writer: sends a study's records to MLflow in the background while it trains."""

import json
import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.processes.deadline import Deadline
from tuner.processes.early import Server, taken
from tuner.tracking.records import Record
from tuner.tracking.spool import Spool
from tuner.tracking.store import Store, is_server

if TYPE_CHECKING:
    from tuner.config import Config

SHORTEST_REST, LONGEST_REST = 0.5, 60.0  # seconds between the starts of two rounds
UPLOADER = "tuner.tracking.uploader"  # the module of the child process
FAILURES = 3  # consecutive ones after which flush and close stop waiting
GLANCE = 0.1  # seconds between two looks at the deadline


def early_uploader(config: "Config") -> tuple[str, ...]:
    """The server that a command will need, as `tuner.processes.early` takes it; () for none.

    A finished study needs none.
    """
    result = config.root / "studies" / config.study.name / "result.json"
    if config.job != "tune" or config.tracking.name == "none" or os.path.exists(result):
        return ()
    # A server of MLflow's may keep the uploader waiting, and a function's winner is not saved.
    at_server = is_server(config.tracking.uri or "")
    return (UPLOADER,) if at_server or config.function else (UPLOADER, "saves")


class Writer:
    """Spools records at once; a thread passes them in order to an uploader process.

    Records that an earlier process left in the spool are written first. When MLflow fails, the
    records wait, `error` gives the reason, and the thread tries again. `key` identifies the study
    among studies of the same name. A study folder has one writer at a time.
    """

    def __init__(
        self, store: Store, study_folder: Path, *, project: str, study: str, key: str
    ) -> None:
        self.error: str | None = None  # why records wait, in one line; None without a failure
        self.refused: list[str] = []  # what MLflow will never accept, one line each
        self.torn = 0  # skipped lines of the spool that were no records
        self.renewed = False  # whether MLflow's database was replaced meanwhile
        folder = study_folder / "spool"
        self._spool = Spool(folder)
        self._store = store
        names = {"project": project, "study": study, "key": key}
        self._study = {"root": str(store.root), "uri": store.uri, "spool": str(folder), **names}
        self._page: tuple[str, str] | None = None  # the ids of experiment and parent run
        self._uploader: Server | None = None
        self._calls: Connection | None = None
        if (early := taken(UPLOADER)) is not None:
            self._take(early)
        self._failures = 0
        self._hurry = 0  # how many callers wait in flush or close
        self._closing = False
        self._wake = threading.Event()
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Adds a record to the spool (some 30 microseconds).

        Raises:
            OSError: if the disk is full.
        """
        self._spool.append(record)

    def sync(self) -> None:
        """Waits until all records would survive a loss of power."""
        self._spool.sync()

    def flush(self, deadline: Deadline) -> int:
        """Sends without pauses, until the deadline at most; returns the number of waiting records.

        Returns early if MLflow fails several times in a row, so a dead server costs little.
        """
        return self._wait(deadline, closing=False)

    def close(self, deadline: Deadline) -> int:
        """Flushes and stops; returns the number of records that wait for the next command."""
        waiting = self._wait(deadline, closing=True)
        error = self.error or f"MLflow took longer than {deadline.seconds:g} s"
        while self._thread.is_alive():
            # An uploader that has nothing to do may be suspended, and would never end.
            uploader = self._uploader
            if uploader is not None and (waiting or not deadline.left()):
                uploader.kill()
            self._thread.join(GLANCE)
        if self._calls is not None:
            self._calls.close()
        self._spool.close()
        self.error = error if waiting else None
        return waiting

    def curves_link(self, metric: str, greater_is_better: bool = False) -> str | None:
        """The page with the curves of all trials; None if MLflow was never reached."""
        if self._page is None:
            return None
        return self._store.curves_link(*self._page, metric, greater_is_better)

    def host(self) -> Server | None:
        """The uploader process, which also makes calls; None if it is not running."""
        return self._uploader

    @property
    def is_host(self) -> bool:
        """Whether the uploader makes calls: not with a server, where slow answers block them."""
        return not self._store.is_server

    def _wait(self, deadline: Deadline, closing: bool) -> int:
        with self._progress:
            self._closing |= closing
            self._failures = 0
            self._hurry += 1
            self._wake.set()
            while not self._progress.wait_for(self._settled, min(GLANCE, deadline.left())):
                if not deadline.left():
                    break
            self._hurry -= 1
            self._wake.set()
        return len(self._spool)

    def _settled(self) -> bool:
        return not len(self._spool) or self._failures >= FAILURES

    def _work(self) -> None:
        while True:
            began = time.monotonic()
            rest = self._round() - (time.monotonic() - began)
            with self._progress:
                self._progress.notify_all()
                if self._closing and (self._settled() or not self._hurry):
                    break
                if self._hurry:
                    rest = 0.5 if self._failures else 0.0
            self._wake.wait(max(rest, 0.0))
            self._wake.clear()
        self._dismiss()

    def _round(self) -> float:
        """Has the oldest file of the spool written; returns the seconds until the next round."""
        file = self._spool.oldest()
        if file is None:
            return SHORTEST_REST
        answer = self._ask(file)
        self.error = answer["error"]
        if answer.get("renewed"):
            self.renewed = True
            self._dismiss()
            return 0.0
        if self.error is not None:
            self._failures += 1
            return min(SHORTEST_REST * 2.0 ** min(self._failures, 10), LONGEST_REST)
        self._spool.remove(file)
        self.refused += answer["refused"]
        self.torn += answer["torn"]
        self._page = answer["page"]
        self._failures = 0
        return SHORTEST_REST

    def _ask(self, file: Path) -> dict[str, Any]:
        """The uploader's answer about a file; if the process died, the next call replaces it."""
        try:
            if self._uploader is None:
                self._take(Server(UPLOADER))
            assert self._uploader is not None
            self._uploader.say(str(file))
            answer: dict[str, Any] = json.loads(self._uploader.answer())
            return answer
        except (OSError, ValueError):
            self._dismiss()
            return {"error": "the tracking process was killed or could not be started"}

    def _take(self, uploader: Server) -> None:
        """Uses a process as the uploader of this study."""
        self._uploader, self._calls = uploader, uploader.calls
        with suppress(OSError):  # if it died, the next answer fails too
            uploader.say(json.dumps(self._study))

    def _dismiss(self) -> None:
        if self._uploader is not None:
            self._uploader.end()  # it may be suspended: meanwhile `close` must find it
            self._uploader = None
