"""Calls stepped in other processes: the workers of a Dask cluster.

One Dask task steps a call through one epoch, or several short ones, and depends on the task before
it. A call stays on the worker that has its generator. Everything that a worker knows is in the logs
of the calls, so the death of a worker costs the time to run its calls again, and no results.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

import cloudpickle

from tuner.errors import CrashError
from tuner.function import Function
from tuner.study.calls import worker
from tuner.study.calls.call import LOG, TRACEBACK, Came, End, Failure, Step, Task
from tuner.study.calls.cutting import AGAIN, PATIENCE
from tuner.study.calls.executor import Executor
from tuner.study.workers.deaths import Died
from tuner.study.workers.hiring import hired, imports, ready
from tuner.training.loop import Interrupted

# Submitted tasks per call: while the result of one travels, the next one runs.
AHEAD = 2

# A call has failed if this many workers in a row died with it without progress.
DEATHS = 3

# Seconds between checks of `stop`, and between checks for tasks that wait for a dead worker.
GLANCE, LOOK = 0.1, 0.5


@dataclass
class Live:
    """The state of a call in this process.

    Attributes:
        task: the call's task.
        home: the name of the worker that has its generator.
        target: the epoch that it should reach.
        initial, steps, over: as in `Call`.
        chain: the submitted Dask tasks.
        deaths: the number of workers that died in a row at the epoch `died_at`.
    """

    task: Task
    home: str
    target: int = 0
    initial: Step | None = None
    steps: list[Step] = field(default_factory=list)
    over: End | Failure | None = None
    chain: list[Any] = field(default_factory=list)
    deaths: int = 0
    died_at: int = -1

    def wants(self) -> bool:
        """Whether it has not reached its target; the last epoch is done only when the call ends."""
        short = len(self.steps) < self.target or self.target == self.task.epochs
        return self.over is None and short

    def knows(self, epoch: int) -> bool:
        """Whether the result of an epoch is known; 0 stands for the state before the first."""
        if epoch == 0:
            return self.initial is not None or bool(self.steps) or self.over is not None
        return self.over is not None or len(self.steps) >= epoch != self.task.epochs

    def came(self, epoch: int) -> Came:
        """What it yielded after an epoch, or how it ended before that, as `Call.step`."""
        failed_last = epoch == self.task.epochs and isinstance(self.over, Failure)
        if epoch <= len(self.steps) and not failed_last:
            return self.steps[epoch - 1]
        assert self.over is not None
        return self.over


# The result of a call's Dask task: the call, the future, and a batch or an error.
News = tuple[Live, Any, Any]


class Cluster(Executor):
    """Workers on this machine.

    Args:
        function: the user function, with its code.
        workers: the number of workers.
        threads: threads per worker for libraries with their own pools; None for a fair share.
        stop: set to stop the training.
        folder: a folder for the workers' files while they exist.
    """

    def __init__(
        self, function: Function, workers: int, threads: int | None, stop: Event, folder: Path
    ) -> None:
        self.function, self.workers, self.stop, self.folder = function, workers, stop, folder
        self.threads = threads
        self.calls: dict[str, Live] = {}
        self.dropped: dict[str, Any] = {}
        self.queue: SimpleQueue[News | Died] = SimpleQueue()
        self.unborn, self.looked = 0, math.inf
        self.stack = ExitStack()

    @cached_property
    def client(self) -> Any:
        """The client of the cluster, which starts at the first call."""
        client = self.stack.enter_context(
            hired(self.workers, self.threads, self.folder, self.queue.put)
        )
        code, folder = cloudpickle.dumps(self.function), self.folder.absolute()
        client.register_plugin(worker.Carried(code, self.threads, imports(), folder), "tuner")
        while not ready(client, self.workers, GLANCE):
            self._check()
            with suppress(Empty):
                self._take(self.queue.get_nowait())
        return client

    def first(self, task: Task) -> Step | Failure | None:
        live = self._live(task)
        self._ask(live, max(live.target, 1))
        while not live.knows(0):
            self._wait()
        return live.initial

    def expect(self, tasks: Sequence[Task], epoch: int) -> None:
        for task in tasks:
            self._check()
            self._ask(self._live(task), epoch)

    def step(self, task: Task, epoch: int) -> Came:
        self._check()
        live = self._live(task)
        if not live.knows(epoch):
            self._ask(live, min(epoch, task.epochs))
        while not live.knows(epoch):
            self._wait()
        return live.came(epoch)

    def drop(self, task: Task) -> None:
        live = self.calls.pop(task.key, None)
        if live is None:
            return
        self._cancel(live)
        # It runs on the worker after the task that is running there.
        self.dropped[task.key] = self._submit(live.home, worker.drop, task.key)

    def close(self) -> None:
        if "client" in self.__dict__:
            for live in self.calls.values():
                self._cancel(live)
            with suppress(Exception):  # workers that do not answer are killed below
                self.client.sync(
                    self.client._run,
                    worker.end,
                    on_error="ignore",
                    callback_timeout=PATIENCE + 3 * AGAIN,
                )
        self.calls.clear()
        self.dropped.clear()
        self.stack.close()

    def _live(self, task: Task) -> Live:
        if task.key not in self.calls:
            self.calls[task.key] = Live(task, self._idlest())
        return self.calls[task.key]

    def _loads(self) -> Counter[str]:
        """The number of unfinished calls of each worker."""
        loads = Counter({str(name): 0 for name in range(self.workers)})
        loads.update(live.home for live in self.calls.values() if live.over is None and live.home)
        return loads

    def _idlest(self) -> str:
        loads = self._loads()
        return min(loads, key=lambda name: loads[name])

    def _ask(self, live: Live, target: int) -> None:
        """Requests that a call is stepped up to an epoch."""
        if not live.wants():
            self._cancel(live)  # its remaining tasks have nothing to do
        live.target = max(live.target, target)
        if live.wants() and not live.chain:
            live.home = self._home(live)
        self._fill(live)

    def _home(self, live: Live) -> str:
        """The worker for a call: the one that has its generator, or one with less work.

        On another worker, a call without a checkpoint runs again from its beginning.
        """
        loads, done = self._loads(), len(live.steps)
        idle = min(loads, key=lambda name: loads[name])
        again = 0 if "checkpoint" in self.function.asks else done
        saved = (loads[live.home] - loads[idle] - 1) * (live.target - done)
        if not saved > again:
            return live.home
        self.dropped[live.task.key] = self._submit(live.home, worker.drop, live.task.key)
        return idle

    def _fill(self, live: Live) -> None:
        """Keeps up to AHEAD tasks of a call submitted, each depending on the one before it."""
        missing = max(1, live.target - len(live.steps))
        while live.wants() and len(live.chain) < min(AHEAD, missing):
            before = live.chain[-1] if live.chain else self.dropped.pop(live.task.key, None)
            known = len(live.steps)
            future = self._submit(live.home, worker.advance, live.task, known, live.target, before)
            live.chain.append(future)
            future.add_done_callback(lambda done, live=live: self._tell(live, done))

    def _submit(self, home: str, function: Any, *arguments: object) -> Any:
        """Submits a task to a worker, or to another one if that is gone; "" means any."""
        where = {"workers": [home], "allow_other_workers": True} if home else {}
        return self.client.submit(function, *arguments, pure=False, **where)

    def _tell(self, live: Live, future: Any) -> None:
        """Fetches the result of a finished task, in the thread of Dask's callbacks.

        Fetching blocks if a worker has died with the result. The main thread must not block,
        because it may have to call `_again`.
        """
        try:
            found = future.result()
        except BaseException as error:  # a cancelled one raises no Exception
            found = error
        self.queue.put((live, future, found))

    def _cancel(self, live: Live) -> None:
        if live.chain:
            self.client.cancel(live.chain)
            live.chain.clear()

    def _wait(self) -> None:
        """Waits shortly for a result, and takes it.

        Raises:
            Interrupted: if the training was stopped.
        """
        self._check()
        try:
            self._take(self.queue.get(timeout=GLANCE))
        except Empty:
            if time.monotonic() - self.looked > LOOK:
                self.looked = time.monotonic()
                self._again()

    def _again(self) -> None:
        """Submits again the tasks that wait for a worker that is gone.

        Dask gives such a task to any other present worker, but not to one that joins after all
        were gone. The tasks that it holds back run nowhere, so nothing runs twice.
        """
        keys = [future.key for live in self.calls.values() for future in live.chain]
        held = self.client.run_on_scheduler(worker.held_back, keys)
        for live in self.calls.values():
            if any(future.key in held for future in live.chain):
                self._cancel(live)
                live.home = ""
                self._fill(live)

    def _check(self) -> None:
        if self.stop.is_set():
            raise Interrupted

    def _take(self, news: News | Died) -> None:
        """Takes the result of a task, or the death of a worker."""
        if isinstance(news, Died):
            self._died(news)
            return
        live, future, batch = news
        if future not in live.chain:
            return  # it was cancelled
        if isinstance(batch, BaseException):
            raise batch
        live.chain.remove(future)
        self.unborn = 0
        if batch.broken:
            name = self.function.name
            raise CrashError(f"workers: {name}() cannot be loaded in a worker: {batch.broken}")
        live.home, live.initial = batch.worker, live.initial or batch.initial
        if batch.since > len(live.steps):
            # The batch before it was lost with its worker; the log has it, so submit again.
            self._cancel(live)
            self._fill(live)
            return
        live.steps += batch.steps[max(0, len(live.steps) - batch.since) :]
        live.over = live.over or batch.over
        self._fill(live)

    def _died(self, news: Died) -> None:
        """Counts the death of a worker; another one replaces it and continues its tasks."""
        self.looked = min(self.looked, time.monotonic())
        live = self.calls.get(news.call)
        if live is None:
            self.unborn += 1
            if self.unborn > DEATHS * self.workers:
                raise CrashError(f"workers: they end while they start: {news.how}{news.said}")
            return
        if live.over is not None:
            return
        known = max(len(live.steps), logged(live.task))
        live.deaths = live.deaths + 1 if live.died_at == known else 1
        live.died_at = known
        if live.deaths >= DEATHS:
            line = (
                f"ended its worker's process {DEATHS} times, after epoch {known}: the process "
                f"{news.how}"
            )
            (live.task.folder / TRACEBACK).write_text(line + "\n", encoding="utf-8")
            self._cancel(live)
            live.over = Failure(line, line)


def logged(task: Task) -> int:
    """The number of epochs in the log of a call; some may not have been reported yet."""
    try:
        text = (task.folder / LOG).read_text(encoding="utf-8")
    except OSError:
        return 0
    return text.count('"metrics": ')
