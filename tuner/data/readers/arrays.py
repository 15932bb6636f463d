"""NumPy files: one .npz with X and y, or a pair of .npy files whose rows stay on disk.

Nothing is unpickled. A sparse X is a file from `scipy.sparse.save_npz`, with y as .npy.
"""

from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from tuner.data import files, memory
from tuner.data.source import Source
from tuner.errors import UserError

NPZ = "an .npz file that holds X and y, or the X.npy of a pair, with its y as data.target"
NPY = "an .npy file of numbers or text"
BESIDE = ("sample_weight", "group", "time")


def read(
    path: str,
    target: str | None = None,
    sample_weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
) -> Source:
    """Rows X (n, inputs) and targets y (n,) or (n, outputs).

    With an .npz, the other settings are names of its arrays. Otherwise they are paths of .npy
    files.

    Args:
        path: the .npz, or X.npy.
        target: y; by default "y" in an .npz.
        sample_weight: weights of rows; by default, as for the next two, the array of that name in
            an .npz, if there is one.
        group: the group of each row, which must stay in one part.
        time: times that order the rows: numbers or dates.

    Raises:
        UserError: the files do not hold this, or hold Python objects, which need pickle.
    """
    where = f"data.path: {path}"
    file = files.find(path, kind=NPZ)
    asked = {"sample_weight": sample_weight, "group": group, "time": time}
    if file.suffix == ".npz" and not _is_sparse(where, file):
        if target == "X":
            raise UserError("data.target: X: are the features; must be another array")
        found = _unpacked(where, file, target or "y", asked)
    elif file.suffix in (".npz", ".npy"):
        if target is None:
            raise UserError(f"data.target: is missing: must be {NPY}, the targets of {path}")
        found = {"X": _sparse(where, file) if file.suffix == ".npz" else _array(where, file, "X")}
        for key, other in {"target": target, **asked}.items():
            if other is not None:
                own, beside = f"data.{key}: {other}", files.find(other, key, NPY)
                files.check_apart(own, beside, file, "data.path, the features")
                found["y" if key == "target" else key] = _array(own, beside, key)
    else:
        raise UserError(f"{where}: must be {NPZ}")
    return _source(where, found)


def _source(where: str, found: dict[str, Any]) -> Source:
    rows, targets = found["X"], np.asarray(found["y"])
    if rows.ndim < 2:
        held = "one dimension" if rows.ndim else "no dimension"
        raise UserError(f"{where}: X has {held}; must have two, rows and columns")
    if rows.ndim > 2:
        rows = rows.reshape(len(rows), -1)
    if targets.ndim not in (1, 2):
        raise UserError(f"{where}: y has {targets.ndim} dimensions; must have one or two")
    beside = {key: found.get(key) for key in BESIDE}
    if beside["time"] is not None and beside["time"].dtype.kind == "M":
        beside["time"] = _microseconds(beside["time"])
    count = rows.shape[0]
    for key, values in beside.items():
        if values is not None and np.ndim(values) != 1:
            raise UserError(f"{where}: {key} has shape {np.shape(values)}; must be ({count},)")
    files.check_lengths(where, count, {"y": targets, **beside})
    return Source(
        where,
        rows,
        targets,
        weights=beside["sample_weight"],
        groups=beside["group"],
        times=beside["time"],
    )


def _microseconds(times: np.ndarray) -> np.ndarray:
    """Dates as numbers; a missing date is nan, which a later check refuses."""
    counted = times.astype("datetime64[us]").astype(np.float64)
    return np.where(np.isnat(times), np.nan, counted)


def _unpacked(
    where: str, file: Path, target: str, asked: dict[str, str | None]
) -> dict[str, np.ndarray]:
    """The wanted arrays of an .npz, after a check of their sizes by their headers."""
    with files.reading(where, NPZ), ZipFile(file) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        names = {"X": "X", "y": target}
        for key, name in asked.items():
            if name is not None or key in held:
                names[key] = name or key
        for name in names.values():
            if name not in held:
                raise UserError(
                    f"{where}: holds no array {name}, but {', '.join(held) or 'nothing'}; "
                    f"must be {NPZ}"
                )
        members = {key: f"{name}.npy" for key, name in names.items()}
        _weigh(where, archive, members.values())
        found = {}
        for key, member in members.items():
            with archive.open(member) as content:
                found[key] = npy.read_array(content, allow_pickle=False)
        return found


def _weigh(where: str, archive: ZipFile, members: Collection[str]) -> None:
    """Refuses members that would not fit into half the memory, according to their headers."""
    needed = 0
    for member in members:
        with archive.open(member) as content:
            needed += _claimed(f"{where}: {member}", content, archive.getinfo(member).file_size)
    memory.check(where, needed, files.SMALLER)


def _claimed(where: str, content: IO[bytes], size: int) -> int:
    """The bytes of an array according to its header; then the file position is after the header.

    Args:
        where: the array, as a config key and value.
        content: an .npy file, at its start.
        size: size of the file in bytes.

    Raises:
        UserError: the file is shorter than its header says, or holds Python objects.
        ValueError: it does not start with a header.
    """
    version = npy.read_magic(content)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(content)
    if dtype.hasobject:
        raise UserError(f"{where}: holds Python objects, which need pickle; must be {NPY}")
    claimed, held = prod(shape) * dtype.itemsize, size - content.tell()
    if min(shape, default=0) < 0 or claimed > held:
        raise UserError(
            f"{where}: holds {memory.size(held)}, its header says {memory.size(claimed)}, of shape "
            f"{shape}; must be a whole .npy file"
        )
    return claimed


def _is_sparse(where: str, file: Path) -> bool:
    with files.reading(where, NPZ), ZipFile(file) as archive:
        return "indptr.npy" in archive.namelist()


def _sparse(where: str, file: Path) -> Any:
    from scipy.sparse import csr_array, load_npz

    with files.reading(where, NPZ):
        with ZipFile(file) as archive:
            _weigh(where, archive, archive.namelist())
            with archive.open("shape.npy") as content:
                shape = npy.read_array(content, allow_pickle=False)
        memory.check(where, 16.0 * float(shape.sum()), files.SMALLER)
        made = load_npz(file)
        if hasattr(made, "check_format"):  # compiled code does not check indices
            made.check_format(full_check=True)
        return csr_array(made)


def _array(where: str, file: Path, key: str) -> np.ndarray:
    """X as a memory map; other arrays are read."""
    with files.reading(where, NPY):
        with file.open("rb") as content:
            needed = _claimed(where, content, file.stat().st_size)
        if key != "X":
            memory.check(where, needed, files.SMALLER)
        loaded: np.ndarray = np.load(file, "r" if key == "X" else None, allow_pickle=False)
        return loaded
