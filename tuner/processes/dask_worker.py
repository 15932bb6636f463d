"""A worker of Dask in a process of its own, which ends with the study that started it.

Dask's own nannies start workers by multiprocessing: that runs the user's script again in each of
them, lets none have processes of its own (as PyTorch's loaders are), and on a kill of the study
relies on a thread that Python may not get to.

Tasks run in the main thread, as a function does without workers: it may use signals, and what it
waits for can be interrupted.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

from distributed import Worker

from tuner.processes import children

Work = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class MainThread(Executor):
    """Runs what is submitted in the thread that calls `serve`, one after another."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Work | None] = SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has a function called, after those that were submitted before."""
        future: Future[Any] = Future()
        self.queue.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends `serve` after what was submitted."""
        self.queue.put(None)

    def serve(self) -> None:
        """Works until the executor is shut down."""
        while (work := self.queue.get()) is not None:
            future, fn, args, kwargs = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # as the executors of concurrent.futures do
                future.set_exception(error)


async def work(scheduler: str, name: str, folder: str, executor: MainThread) -> None:
    """Works for a scheduler until that closes the worker or is gone."""
    worker = Worker(
        scheduler,
        name=name,
        nthreads=1,
        executor=executor,
        memory_limit=0,  # the system's own limit: Dask would stop the worker before it
        local_directory=folder,
        dashboard=False,
        host="127.0.0.1",
    )
    try:
        await worker
        await worker.finished()
    finally:
        executor.shutdown()


def main() -> None:
    """What such a process runs."""
    scheduler, name, folder = children.bound()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    executor = MainThread()
    Thread(target=lambda: asyncio.run(work(scheduler, name, folder, executor)), daemon=True).start()
    executor.serve()


if __name__ == "__main__":
    main()
