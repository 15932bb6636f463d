"""A worker of Dask in a process of its own, which ends with the study that started it.

Dask's own nannies start workers by multiprocessing: that runs the user's script again in each of
them, lets none have processes of its own (as PyTorch's loaders are), and on a kill of the study
relies on a thread that Python may not get to.
"""

import asyncio
import logging

from distributed import Worker

from tuner.processes import children


async def work(scheduler: str, name: str, folder: str) -> None:
    """Works for a scheduler until that closes the worker or is gone."""
    worker = Worker(
        scheduler,
        name=name,
        nthreads=1,
        memory_limit=0,  # the system's own limit: Dask would stop the worker before it
        local_directory=folder,
        dashboard=False,
        host="127.0.0.1",
    )
    await worker
    await worker.finished()


def main() -> None:
    """What such a process runs."""
    scheduler, name, folder = children.bound()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    asyncio.run(work(scheduler, name, folder))


if __name__ == "__main__":
    main()
