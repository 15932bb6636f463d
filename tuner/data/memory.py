"""Available memory: data that would take more than half of it are refused."""

import os
import resource
from pathlib import Path

from tuner.errors import UserError

# Files with a container's memory limit on Linux: control groups, versions 2 and 1.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


# Bytes per column of sparse rows, besides their values: its scale, and the work to compute it.
COLUMN = 24.0
# Bytes per column of a table, and per number in it, while it is read.
TABLE_COLUMN, NUMBER = 4000.0, 24.0


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or a lower limit.

    Limits are those of the container and of `ulimit -v`.
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
    """Whether so many bytes are at most half of the memory; training needs the other half."""
    return needed <= memory() / 2


def check(where: str, needed: float, mend: str) -> None:
    """Refuses data that need more than half of the memory.

    Args:
        where: the config key and value of the data.
        needed: bytes.
        mend: what to do about it, the end of the error.

    Raises:
        UserError: `needed` is more than half; the message says how much is needed.
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
