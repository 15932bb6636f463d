"""Thread limits of the libraries that a user's function calls, the same here as in workers."""

from typing import Any

# What threadpoolctl calls the libraries of linear algebra.
BLAS = "blas"


def limited(threads: int | None) -> Any:
    """Limits the threads of libraries that are loaded; `restore_original_limits()` undoes it.

    One thread of linear algebra is usual, as everywhere in tuner: sums that are shared among
    threads end in other digits for another number of them. Libraries with threads of their own (as
    PyTorch) keep what they have, unless threads are given.

    Args:
        threads: for all of them, None for what is usual.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, BLAS) if threads is None else threadpool_limits(threads)
