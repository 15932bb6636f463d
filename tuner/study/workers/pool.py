"""A pool of Dask workers for a study, started on this machine or found at an address."""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any
from uuid import uuid4

import cloudpickle

from tuner.errors import CrashError, UserError
from tuner.study import ahead
from tuner.study.numerics import Numerics
from tuner.study.workers import legs
from tuner.study.workers.deaths import Died
from tuner.study.workers.hiring import fair_share, hired, ready
from tuner.study.workers.joining import Gone, joined
from tuner.study.workers.legs import Brought, Kind
from tuner.training.loop import Interrupted
from tuner.training.population import Member
from tuner.training.problems import Fold, Problem, Supervised

# The most deaths in a row without any finished task, as a multiple of the number of workers.
DEATHS = 3

# Seconds between checks of `stop`, and between checks of the workers at an address.
GLANCE, LOOK = 0.1, 2.0

# Retries of a task, because an error may be specific to one worker.
RETRIES = 2

# How often sending the data is tried again.
TRIES = 5

# The callback that waits for a task, and the task's result.
News = tuple[Callable[[Any], None], Any]


class Pool:
    """Workers that train legs. They hold only copies: any of them may die.

    Args:
        workers: how many workers to start on this machine or, at an address, to wait for.
        threads: threads per worker; None for a fair share of the cores, or 1 at an address.
        stop: set to stop the training.
        folder: the folder of the workers' files while they exist.
        address: the address of an existing scheduler; None to start workers on this machine.
        dashboard: the port of the dashboard of workers on this machine; None for no dashboard.
        patience: seconds to wait for workers at an address.

    Attributes:
        note: called with each message to show, one line at a time.
    """

    def __init__(
        self,
        workers: int,
        threads: int | None,
        stop: Event,
        folder: Path,
        address: str | None = None,
        dashboard: int | None = None,
        patience: float = 300.0,
    ) -> None:
        self.workers, self.address, self.dashboard = workers, address, dashboard
        self.stop, self.folder, self.patience = stop, folder, patience
        self.asked = threads
        self.threads = threads or (1 if address else fair_share(workers))
        self.note: Callable[[str], None] = lambda line: None
        self.numerics: list[Numerics] = []
        self.queue: SimpleQueue[News | Died] = SimpleQueue()
        self.stack = ExitStack()
        self.warm: set[tuple[Any, ...]] = set()
        self.brought: dict[str, tuple[Fold, ...]] = {}
        self.deaths, self.looked, self.since = 0, 0.0, 0.0
        # The last known number of workers, and of their Dask threads.
        self.there, self.slots = 0, 1

    @cached_property
    def client(self) -> Any:
        """The client; made once all workers are present.

        Raises:
            UserError: if no scheduler answers at the address, or its workers have another version
                of tuner or Python.
            CrashError: if there are not enough workers in time.
        """
        if self.address is not None:
            client = self.stack.enter_context(joined(self.address))
        else:
            own = hired(self.workers, self.asked, self.folder, self.queue.put, self.dashboard)
            client = self.stack.enter_context(own)
        began, told = time.monotonic(), False
        while not ready(client, self.workers, GLANCE):
            if self.stop.is_set():
                raise Interrupted
            with suppress(Empty):
                self._take(self.queue.get_nowait())
            waited = time.monotonic() - began
            if self.address is not None and waited > LOOK and not told:
                self.note(f"waiting for {many(self.workers)} at {self.address}")
                told = True
            if self.address is not None and waited > self.patience:
                raise CrashError(
                    f"executor.address: {self.address}: has not had {many(self.workers)} for "
                    f"{self.patience:g} s: start some, as with dask worker {self.address}, and "
                    "the same command continues"
                )
        if self.address is not None:
            legs_fit(client, self.address)
        self._count(client)
        self.note(self._said(client))
        return client

    def count(self) -> None:
        """Counts the present workers.

        Raises:
            CrashError: if the scheduler does not answer.
        """
        self._count(self.client)

    def _count(self, client: Any) -> None:
        try:
            threads = client.nthreads()
        except Exception as error:
            raise Gone(self.address or "this machine") from error
        if self.there and threads and len(threads) != self.there and self.address is not None:
            self.note(f"{many(len(threads))} at {self.address}")
        self.there, self.slots = len(threads), max(1, sum(threads.values()))

    def _said(self, client: Any) -> str:
        """The workers in words, with a link to the dashboard if there is one."""
        where = f"at {self.address}" if self.address else "on this machine"
        link = client.dashboard_link if self.address or self.dashboard is not None else ""
        return f"Dask: {many(self.there)} {where}{f'; dashboard {link}' if link else ''}"

    def kind(self, problem: Problem, epochs: int) -> Kind:
        """What legs on this problem need; sends the problem's data to the workers."""
        folds = problem.folds if isinstance(problem, Supervised) else ()
        data = next((name for name, own in self.brought.items() if own is folds), "")
        if not data:
            data = f"tuner-{uuid4().hex}"
            self.bring(Brought(data, folds))
            self.brought[data] = folds
        if isinstance(problem, Supervised):
            problem = Supervised(
                problem.model, problem.loss, (), problem.batch_size, problem.metrics
            )
        pickled = cloudpickle.dumps(problem)
        name = hashlib.sha256(pickled + data.encode()).hexdigest()
        return Kind(name, data, pickled, epochs, self.threads)

    def bring(self, plugin: Brought) -> None:
        """Sends data to all workers, including those that join later.

        If a worker dies meanwhile, Dask raises an error although the other workers have the data.

        Raises:
            Interrupted: if the training was stopped.
            CrashError: if it fails repeatedly, or the scheduler is gone.
        """
        for again in range(TRIES + 1):
            if self.stop.is_set():
                raise Interrupted
            try:
                self.client.register_plugin(plugin, plugin.name)
                return
            except Exception as error:  # from Dask or the system
                if again == TRIES:
                    self.count()  # raises if the scheduler is gone
                    said = " ".join(str(error).split())
                    raise CrashError(
                        f"executor: the data cannot be sent to the workers "
                        f"({type(error).__name__}: {said}); the same command continues"
                    ) from error
                time.sleep(LOOK)

    def compile_for(self, problem: Problem, members: Sequence[Member]) -> None:
        """Compiles the code once that all workers of this machine will load."""
        todo = {(id(problem), *ahead.needs(member)) for member in members} - self.warm
        if todo and self.address is None:
            ahead.compile_for(problem, members)
        self.warm |= todo

    def heard(self, numerics: Numerics) -> None:
        """Remembers a worker's numeric environment."""
        if numerics not in self.numerics:
            self.numerics.append(numerics)

    def submit(self, hear: Callable[[Any], None], function: Any, *arguments: object) -> Any:
        """Submits a task, which gets its own key; `wait` passes its result to `hear`."""
        key = f"{function.__name__}-{uuid4().hex}"
        future = self.client.submit(function, key, *arguments, key=key, retries=RETRIES)
        future.add_done_callback(lambda done: self._tell(hear, done))
        return future

    def cancel(self, futures: list[Any]) -> None:
        """Cancels tasks; a running one ends within its step."""
        with suppress(Exception):  # the scheduler is gone, and they with it
            self.client.cancel(futures, force=True)

    def wait(self) -> None:
        """Waits shortly for a result, and takes it.

        Raises:
            Interrupted: if the training was stopped.
            CrashError: if there are no workers any more, or they fail.
        """
        if self.stop.is_set():
            raise Interrupted
        with suppress(Empty):
            self._take(self.queue.get(timeout=GLANCE))
        if self.address is not None and time.monotonic() - self.looked > LOOK:
            self._look()

    def close(self) -> None:
        """Ends the workers started here; removes the data from workers at an address."""
        if "client" in self.__dict__:
            for name in self.brought:
                if self.address is not None:
                    with suppress(Exception):  # dead workers hold nothing
                        self.client.unregister_worker_plugin(name)
        self.stack.close()
        self.__dict__.pop("client", None)
        self.brought.clear()

    def _tell(self, hear: Callable[[Any], None], future: Any) -> None:
        """Fetches the result of a finished task, in the thread of Dask's callbacks."""
        try:
            found = future.result()
        except BaseException as error:  # a cancelled one raises no Exception
            found = error
        self.queue.put((hear, found))

    def _take(self, news: News | Died) -> None:
        if isinstance(news, Died):
            self.deaths += 1
            self.note(f"a worker {news.how}: another one takes its place")
            if self.deaths > DEATHS * self.workers:
                raise CrashError(
                    f"executor: workers die while they train: the last one {news.how}{news.said}"
                )
            return
        hear, found = news
        if isinstance(found, CancelledError):
            return  # by `cancel`, or by the end of the scheduler, which `_look` notices
        if isinstance(found, BaseException):
            said = " ".join(str(found).split())
            raise CrashError(
                f"executor: a worker failed ({type(found).__name__}: {said}); what was trained "
                "is on record, and the same command continues"
            ) from found
        self.deaths = 0
        hear(found)

    def _look(self) -> None:
        """Checks that the scheduler at an address answers and has workers."""
        self.looked = now = time.monotonic()
        assert self.address is not None
        if self.client.status != "running":
            raise Gone(self.address)
        had = self.there
        self.count()
        if self.there:
            return
        if had:
            self.since = now
            self.note(f"no workers at {self.address}: waiting for some")
        if now - self.since > self.patience:
            raise CrashError(
                f"executor.address: {self.address}: has had no workers for {self.patience:g} s: "
                "start some, and the same command continues"
            )


def many(workers: int) -> str:
    """A number of workers, in words."""
    return f"{workers} worker{'s' * (workers != 1)}"


def check_address(address: str) -> None:
    """Checks that a scheduler answers, and that its present workers can run legs.

    Raises:
        UserError: if not.
    """
    with joined(address) as client:
        legs_fit(client, address)


def legs_fit(client: Any, address: str) -> None:
    """Checks that the workers at an address can run legs of this version of tuner.

    Raises:
        UserError: for the first that cannot.
    """
    mine = legs.versions()
    try:
        found = client.run(legs.versions)
    except Exception as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"executor.address: {address}: its workers cannot run tuner "
            f"({type(error).__name__}: {said}): install tuner {mine[0]} for them"
        ) from None
    for worker, theirs in found.items():
        if theirs != mine:
            here, there = (f"tuner {t}, Python {p[0]}.{p[1]}" for t, p in (mine, theirs))
            raise UserError(
                f"executor.address: {address}: the worker {worker} has {there}, this command "
                f"{here}: they must be the same"
            )
