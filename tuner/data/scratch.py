"""Arrays on disk that vanish when the process ends, for parts too large for memory."""

import os
import shutil
import tempfile
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import memory
from tuner.errors import UserError


def folder() -> str:
    """TMPDIR if it is set; else /var/tmp, because /tmp may itself be memory."""
    return os.environ.get("TMPDIR", "/var/tmp")


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """A new array of zeros, mapped to a file without a name in `folder`.

    Raises:
        UserError: the disk has too little free space.
    """
    needed = prod(shape) * np.dtype(dtype).itemsize
    free = shutil.disk_usage(folder()).free
    if needed > free:
        raise UserError(
            f"TMPDIR: {folder()}: has room for {memory.size(free)}, the data need "
            f"{memory.size(needed)}; give a folder with more"
        )
    with tempfile.TemporaryFile(dir=folder()) as file:
        return np.asarray(np.memmap(file, dtype, "w+", shape=shape))
