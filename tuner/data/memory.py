"""Available memory: data that would take more than half of it are refused."""

import os
import resource
from pathlib import Path

from tuner.errors import UserError

# Where Linux says what a container may use: control groups, version 2 and 1.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


# Bytes for each column of sparse rows, beside what they hold: its scale, and what finds it.
COLUMN = 24.0
# Bytes for each column of a table and for each of its numbers, while it is read.
TABLE_COLUMN, NUMBER = 4000.0, 24.0


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or less by its limits.

    These are its container's and that of `ulimit -v`.
    """
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:
        most = min(most, own)
    for path in LIMITS:
        try:
            most = min(most, int(path.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return most


def fits(needed: float) -> bool:
    """Whether so many bytes are at most half of the memory; training takes of the other half."""
    return needed <= memory() / 2


def check(where: str, needed: float, mend: str) -> None:
    """Refuses what would take more than half of the memory.

    Args:
        where: what takes it: a config key and value.
        needed: bytes.
        mend: what to do about it, the end of the error.

    Raises:
        UserError: `needed` is more than that; it says how much is needed.
    """
    if not fits(needed):
        raise UserError(
            f"{where}: needs {size(needed)} of memory, more than half of the {size(memory())} "
            f"there are; {mend}"
        )


def size(count: float) -> str:
    """Bytes in words.

    >>> size(300), size(4.2e6), size(23.4e9)
    ('300 bytes', '4.2 MB', '23.4 GB')
    """
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"
