"""A client of an existing Dask scheduler."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client

from tuner.errors import CrashError, UserError
from tuner.study.workers.hiring import SETTINGS, silent

# Seconds to wait for a scheduler's answer.
ANSWER = 10.0

# The setting for the size of task arguments above which Dask warns.
LARGE = "distributed.admin.large-graph-warning-threshold"


class Gone(CrashError):
    """The scheduler at an address no longer answers.

    Args:
        address: its address.
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
        UserError: if no scheduler answers.
    """
    timeout = f"{ANSWER:g}s"
    own = {"distributed.comm.timeouts.connect": timeout, LARGE: SETTINGS[LARGE]}
    with silent(), dask.config.set(own):
        client: Any = None
        try:
            client = Client(address, timeout=ANSWER, set_as_default=False)
        except Exception as error:  # from Dask, the system, or a bad address
            said = " ".join(str(error).split())
            raise UserError(
                f"executor.address: {address}: no scheduler answers ({said}): start one, as with "
                "dask scheduler, or leave it out to have workers on this machine"
            ) from None
        with client:
            yield client
