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

# The file in a worker's folder that names the running call of a function.
UNDER_WAY = "{}.call"

# The environment variables by which numeric libraries choose their number of threads.
THREADS = ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS")

# The loggers that would report a dying worker: Dask's and those of its event loop.
LOGGERS = ("distributed", "tornado.application", "asyncio")

SETTINGS = {
    # A call stays with its generator. tuner counts deaths itself, per call.
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.allowed-failures": 1_000_000,
    # Code that holds the GIL for minutes is not a dead worker: deaths are seen by the process's
    # end.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1000 days",
    "distributed.comm.timeouts.connect": "60s",
    "distributed.admin.low-level-log-length": 0,
    # Tasks carry states of some megabytes on purpose.
    "distributed.admin.large-graph-warning-threshold": "1 PB",
}


class Hand(ProcessInterface):
    """The process of one worker, restarted whenever it dies.

    Args:
        scheduler: the address of Dask's scheduler.
        name: the worker's name.
        folder: the folder of its files.
        threads: the threads of libraries; None for the environment's number, or a fair share.
        workers: the number of workers.
        died: called at each death.
        others: further arguments from Dask.
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
        """Starts the process, in the thread of the cluster, with which it ends."""
        self.loop = asyncio.get_running_loop()
        self.begin()
        await super().start()  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Starts the process and a thread that watches it."""
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
        """Waits for the end of the process; restarts it unless the end was intended."""
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
        """Kills the process; its calls are closed by then, or do not answer."""
        self.closing = True
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.status = Status.closed
        await super().close()  # type: ignore[no-untyped-call]


def environment(threads: int | None, workers: int) -> dict[str, str]:
    """The environment of a worker: this process's, with the cores shared among the workers."""
    found = children.environment()
    if "PYTHONSAFEPATH" not in os.environ:
        del found["PYTHONSAFEPATH"]  # else the user's subprocesses would inherit it
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
        workers: the number of workers.
        threads: as in `Hand`.
        folder: the folder of the workers' files; removed at the end.
        died: called at each death.
        dashboard: the port of Dask's dashboard, on the loopback interface; None for no dashboard.
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
                # By default no dashboard that others could see, and never a port in use.
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
    """Silences Dask's loggers within the context; tuner reports dying workers itself."""
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
    """Whether all workers are present within some seconds."""
    try:
        client.wait_for_workers(workers, timeout=seconds)
    except TimeoutError:
        return False
    return True


def fair_share(workers: int) -> int:
    """The number of threads per worker if the cores are shared equally."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def imports() -> list[str]:
    """This command's import path, for processes in other folders."""
    return [os.path.abspath(entry) for entry in sys.path]
