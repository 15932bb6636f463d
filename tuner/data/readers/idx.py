"""A folder of IDX files, the format of MNIST and similar sets: images of bytes, and labels.

The format is described at http://yann.lecun.com/exdb/mnist/: two zero bytes, a type, the number of
dimensions, each dimension as a big-endian 32-bit integer, and then the values.
"""

import os
from functools import partial
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from tuner.data import files, memory
from tuner.data.source import Source
from tuner.errors import UserError

UNSIGNED_BYTE = 0x08
IMAGES = "{part}-images-idx3-ubyte"
LABELS = "{part}-labels-idx1-ubyte"
KIND = "a whole IDX file"
# The maximum compression ratio of gzip, according to its manual.
DEFLATED = 1032


def read(folder: str) -> Source:
    """The images and labels of `train-*`; those of `t10k-*` are the test part, read on demand.

    Rows are bytes, (images, pixels).

    Args:
        folder: holds all four files, each uncompressed or with `.gz`.

    Raises:
        UserError: a file is missing or damaged.
    """
    where = f"data.folder: {folder}"
    train, test = (
        [_find(Path(folder), kind.format(part=part), where) for kind in (IMAGES, LABELS)]
        for part in ("train", "t10k")
    )
    for own, other in zip(test, train, strict=True):
        files.check_apart(f"data.folder: {own}", own, other, other.name)
    return Source(where, *_pair(*train), read_test=partial(_pair, *test))


def _find(folder: Path, name: str, where: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if os.path.isfile(path):  # pathlib's is_file raises in a folder without permission
            return path
    raise UserError(
        f"{where}: {name}.gz is not there (nor without .gz); give the folder that holds it "
        "(Debian: apt install dataset-fashion-mnist)"
    )


def _pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    rows, targets = read_array(images, dimensions=3), read_array(labels, dimensions=1)
    if len(rows) != len(targets):
        raise UserError(
            f"data.folder: {images}: {len(rows)} images, but {len(targets)} labels in {labels.name}"
        )
    count, height, width = rows.shape
    return rows.reshape(count, height * width), targets.astype(np.int64)


def read_array(path: Path, *, dimensions: int) -> np.ndarray:
    """The array of bytes in one IDX file.

    Args:
        path: path of the file, gzipped if its name ends in .gz.
        dimensions: the number of dimensions that the array must have.

    Raises:
        UserError: the file cannot be read, is not such an array, does not hold as many values as it
            says or would not fit into the memory; in one line.
    """
    where = f"data.folder: {path}"
    with files.reading(where, KIND), _opened(path) as file:
        shape = _shape(where, file, path, dimensions)
        size = prod(shape)
        content = file.read(size + 1)
        if len(content) != size:
            held = f"more than {size}" if len(content) > size else len(content)
            raise UserError(f"{where}: holds {held} values, its header says {size}; get it anew")
        return np.frombuffer(content, np.uint8).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    opened: IO[bytes] = files.PACKED.get(path.suffix, open)(path, "rb")
    return opened


def _shape(where: str, file: IO[bytes], path: Path, dimensions: int) -> list[int]:
    """The shape according to the header; the file position is then after the header."""
    header = 4 + 4 * dimensions
    content = file.read(header)
    if len(content) < header:
        raise UserError(f"{where}: {len(content)} bytes, an IDX header has {header}; get it anew")
    if content[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise UserError(
            f"{where}: starts with {content[:4].hex()}, "
            f"an IDX file of bytes in {dimensions} dimensions with 000008{dimensions:02x}"
        )
    shape = [int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)]
    size, held = prod(shape), os.path.getsize(path) - header
    most = os.path.getsize(path) * DEFLATED if path.suffix in files.PACKED else held
    if size > most:
        raise UserError(
            f"{where}: holds {most} values at most, its header says {size}; get it anew"
        )
    memory.check(where, size, "take fewer images")
    return shape
