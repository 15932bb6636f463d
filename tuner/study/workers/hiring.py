"""A Dask cluster on this machine, whose workers end with this process."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from tuner.processes import children
from tuner.study.workers.deaths import Died, how

# The file, in the folder of a worker, that names the call of a function which is under way.
UNDER_WAY = "{}.call"

# What the libraries of numbers read to know how many threads they may have.
THREADS = ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# Who would tell of a worker that dies, beside Dask itself: what runs it.
LOGGERS = ("distributed", "tornado.application", "asyncio")

SETTINGS = {
    # A call stays with its generator; a death is counted by us, for the call that caused it.
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.allowed-failures": 1_000_000,
    # Code that holds Python's lock for minutes is no dead worker: that is seen by its process.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1000 days",
    "distributed.comm.timeouts.connect": "60s",
    "distributed.admin.low-level-log-length": 0,
    # A state of some megabytes is what a task is for.
    "distributed.admin.large-graph-warning-threshold": "1 PB",
}


class Hand(ProcessInterface):
    """One worker's process, started again whenever it dies.

    Args:
        scheduler: the address of Dask's scheduler.
        name: of the worker.
        folder: for its files.
        threads: that libraries may have, None where the environment says so or a share is fair.
        workers: how many there are.
        died: hears of each death.
        others: what Dask gives besides.
    """

    def __init__(
        self,
        scheduler: str,
        name: int,
        *,
        folder: Path,
        threads: int | None,
        workers: int,
        died: Callable[[Died], None],
        **others: object,
    ) -> None:
        super().__init__(scheduler=scheduler, name=name)  # type: ignore[no-untyped-call]
        self.scheduler, self.name, self.folder, self.died = scheduler, name, folder, died
        self.environment = environment(threads, workers)
        self.closing = False
        self.process: subprocess.Popen[Any] | None = None

    async def start(self) -> None:
        """Starts the process, in the thread of the cluster: it ends with that."""
        self.loop = asyncio.get_running_loop()
        self.begin()
        await super().start()  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Starts the process, and watches it."""
        if self.closing:
            return
        with (self.folder / f"{self.name}.txt").open("wb") as said:
            self.process = children.start(
                "tuner.processes.dask_worker",
                self.scheduler,
                self.name,
                self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=self.environment,
            )
        threading.Thread(target=self.watch, args=[self.process], daemon=True).start()

    def watch(self, process: "subprocess.Popen[Any]") -> None:
        """Waits for the end of the process; unless it was meant, another one takes its place."""
        code = process.wait()
        if self.closing:
            return
        call = said = ""
        with suppress(OSError):
            mark = self.folder / UNDER_WAY.format(self.name)
            call = os.fsdecode(mark.read_bytes())
            mark.write_bytes(b"")
        with suppress(OSError):
            lines = (self.folder / f"{self.name}.txt").read_text(errors="replace").split("\n")
            said = next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")
        self.died(Died(str(self.name), call, how(code), said))
        with suppress(RuntimeError):  # the cluster is gone
            self.loop.call_soon_threadsafe(self.begin)

    async def close(self) -> None:
        """Ends the process: its calls have been closed, or do not answer."""
        self.closing = True
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.status = Status.closed
        await super().close()  # type: ignore[no-untyped-call]


def environment(threads: int | None, workers: int) -> dict[str, str]:
    """The environment of a worker: as this one's, but that the libraries share the cores."""
    found = children.environment()
    if "PYTHONSAFEPATH" not in os.environ:
        del found["PYTHONSAFEPATH"]  # it would be for processes of the user's function, too
    for name in THREADS:
        if threads is not None:
            found[name] = str(threads)
        else:
            found.setdefault(name, str(fair_share(workers)))
    return found


@contextmanager
def hired(
    workers: int,
    threads: int | None,
    folder: Path,
    died: Callable[[Died], None],
    dashboard: int | None = None,
) -> Iterator[Client]:
    """A client of workers on this machine.

    Args:
        workers: how many.
        threads: as `Hand` has them.
        folder: for files of the workers, which is removed at the end.
        died: hears of each death.
        dashboard: the port of Dask's pages, for this machine alone; None for no pages.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with (
            silent(),
            dask.config.set(SETTINGS),
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                worker_class=Hand,
                protocol="tcp://",
                silence_logs=logging.CRITICAL,
                # No pages that others could look in at by default, and no port that is taken.
                scheduler_kwargs={
                    "dashboard": dashboard is not None,
                    "dashboard_address": f"127.0.0.1:{dashboard or 0}",
                },
                folder=folder.absolute(),
                threads=threads,
                workers=workers,
                died=died,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def silent() -> Iterator[None]:
    """Within it Dask logs nothing: what it would say of workers that die is said by us."""
    loggers = {name: logging.getLogger(name) for name in LOGGERS}
    levels = {name: logger.level for name, logger in loggers.items()}
    for logger in loggers.values():
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(levels[name])


def ready(client: Client, workers: int, seconds: float) -> bool:
    """Whether all workers are there, within so many seconds."""
    try:
        client.wait_for_workers(workers, timeout=seconds)
    except TimeoutError:
        return False
    return True


def fair_share(workers: int) -> int:
    """Threads that a worker's libraries may have where all have as many."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def imports() -> list[str]:
    """Where this command imports from, for processes that run elsewhere."""
    return [os.path.abspath(entry) for entry in sys.path]
