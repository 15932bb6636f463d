"""Row keys: a hash of each raw row that identifies the same row in later data."""

import hashlib
from typing import Any

import numpy as np

from tuner.data.source import is_sparse, is_table

# Rows per block.
BLOCK = 16384


def row_keys(rows: Any, chosen: np.ndarray) -> np.ndarray:
    """A hash of the features of each of the chosen rows, (chosen,) uint64.

    Numbers are hashed as float64, because a column of integers becomes float as soon as a value is
    missing.

    Args:
        rows: an array, a SciPy CSR array or a DataFrame.
        chosen: numbers of the rows.
    """
    keys = np.empty(len(chosen), np.uint64)
    for start in range(0, len(chosen), BLOCK):
        part = chosen[start : start + BLOCK]
        keys[start : start + len(part)] = _of_table(rows, part) if is_table(rows) else [
            int.from_bytes(hashlib.blake2b(piece, digest_size=8).digest(), "little")
            for piece in _pieces(rows, part)
        ]  # fmt: skip
    return keys


def _of_table(rows: Any, chosen: np.ndarray) -> np.ndarray:
    from pandas.util import hash_pandas_object

    part = rows.iloc[chosen]
    numbers = [name for name, dtype in part.dtypes.items() if dtype.kind in "iuf"]
    part = part.astype(dict.fromkeys(numbers, np.float64))
    return np.asarray(hash_pandas_object(part, index=False).to_numpy(), np.uint64)


def _pieces(rows: Any, chosen: np.ndarray) -> list[bytes]:
    """The bytes of each row."""
    if is_sparse(rows):
        part = rows[chosen]
        ends = list(zip(part.indptr[:-1], part.indptr[1:], strict=True))
        data = part.data.astype(np.float64)
        return [np.append(part.indices[a:b], data[a:b]).tobytes() for a, b in ends]
    return [row.tobytes() for row in np.asarray(rows[chosen], np.float64)]
