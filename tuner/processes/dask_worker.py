"""A worker of Dask in a process of its own, which ends with the study that started it.

Dask's own nannies start workers by multiprocessing. That would run the user's script again in each
worker and forbid child processes (such as PyTorch's data loaders); and after a kill of the study it
relies on a thread that Python may not run.

Tasks run in the main thread, like a function without workers: they may use signals, and can be
interrupted while they wait.
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
    """Runs the submitted functions one after another in the thread that calls `serve`."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Work | None] = SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues a call."""
        future: Future[Any] = Future()
        self.queue.put((future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends `serve` after the queued calls."""
        self.queue.put(None)

    def serve(self) -> None:
        """Makes the queued calls until the executor is shut down."""
        while (work := self.queue.get()) is not None:
            future, fn, args, kwargs = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # as the executors of concurrent.futures do
                future.set_exception(error)


async def work(scheduler: str, name: str, folder: str, executor: MainThread) -> None:
    """Works for a scheduler until the scheduler closes the worker or is gone."""
    worker = Worker(
        scheduler,
        name=name,
        nthreads=1,
        executor=executor,
        memory_limit=0,  # no limit: Dask would pause the worker below the system's
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
    """The worker's process."""
    scheduler, name, folder = children.bound()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    executor = MainThread()
    Thread(target=lambda: asyncio.run(work(scheduler, name, folder, executor)), daemon=True).start()
    executor.serve()


if __name__ == "__main__":
    main()
