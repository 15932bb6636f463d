"""A client of an existing Dask scheduler."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client

from tuner.errors import CrashError, UserError
from tuner.study.workers.hiring import SETTINGS, silent

# Seconds in which a scheduler answers.
ANSWER = 10.0

# The size of a task's arguments that Dask warns of.
LARGE = "distributed.admin.large-graph-warning-threshold"


class Gone(CrashError):
    """The scheduler of an address does not answer any more.

    Args:
        address: of it.
    """

    def __init__(self, address: str) -> None:
        super().__init__(
            f"executor.address: {address}: the scheduler is gone; what was trained is on record, "
            "and the same command continues"
        )


@contextmanager
def joined(address: str) -> Iterator[Client]:
    """A client of the scheduler at an address.

    Raises:
        UserError: if none answers.
    """
    timeout = f"{ANSWER:g}s"
    own = {"distributed.comm.timeouts.connect": timeout, LARGE: SETTINGS[LARGE]}
    with silent(), dask.config.set(own):
        client: Any = None
        try:
            client = Client(address, timeout=ANSWER, set_as_default=False)
        except Exception as error:  # of Dask, of the system, of a name that is none
            said = " ".join(str(error).split())
            raise UserError(
                f"executor.address: {address}: no scheduler answers ({said}): start one, as with "
                "dask scheduler, or leave it out to have workers on this machine"
            ) from None
        with client:
            yield client
