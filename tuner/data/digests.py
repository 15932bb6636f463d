"""Digests: hashes that detect whether data have changed."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from tuner.data.source import Source, is_sparse, is_table
from tuner.data.splits import Split
from tuner.data.targets import Target

# Bytes that are read at once from rows on disk.
BLOCK = 1 << 24


def of(source: Source, target: Target, split: Split) -> str:
    """The SHA-256 of data, in hexadecimal digits.

    Args:
        source: rows, weights, groups and times.
        target: the targets and the names of the classes.
        split: the rows of each part.
    """
    digest = hashlib.sha256()
    parts = [row for fold in split.folds for row in fold]
    arrays = [source.weights, source.groups, source.times, target.values, target.classes]
    for piece in (*_rows(source.rows), *arrays, *parts, split.rest, split.test):
        for block in _blocks(piece):
            digest.update(block)
    return digest.hexdigest()


def _rows(rows: Any) -> Iterable[Any]:
    """The arrays with the values and the column names of raw rows."""
    if is_table(rows):
        from pandas.util import hash_pandas_object

        return [np.array([str(name) for name in rows.columns]), hash_pandas_object(rows).to_numpy()]
    if is_sparse(rows):
        return [np.array(rows.shape), rows.indptr, rows.indices, rows.data]
    return [rows]


def _blocks(array: Any) -> Iterable[bytes]:
    """The bytes of an array, preceded by its shape and dtype."""
    if array is None:
        yield b"none"
        return
    array = np.asanyarray(array)
    if array.dtype.hasobject:
        array = np.array([repr(item) for item in array.ravel()]).reshape(array.shape)
    yield f"{array.shape} {array.dtype.str}".encode()
    step = max(1, BLOCK // max(1, array[:1].nbytes)) if array.ndim else 1
    if not array.ndim:
        yield array.tobytes()
        return
    for start in range(0, len(array), step):
        yield np.ascontiguousarray(array[start : start + step]).tobytes()
