"""Thread limits of the libraries that a user function calls, the same here and in workers."""

from typing import Any

# threadpoolctl's name for libraries of linear algebra.
BLAS = "blas"


def limited(threads: int | None) -> Any:
    """Limits the threads of loaded libraries; `restore_original_limits()` undoes it.

    By default linear algebra uses one thread, as everywhere in tuner, because the last digits of
    sums depend on the number of threads. Libraries with their own thread pools (such as PyTorch)
    keep their setting, unless threads are given.

    Args:
        threads: the limit for all libraries; None for the default.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, BLAS) if threads is None else threadpool_limits(threads)
