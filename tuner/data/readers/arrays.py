"""NumPy's files: one .npz with X and y, or a pair of .npy whose rows stay on disk.

Nothing is unpickled. A sparse X is a file of `scipy.sparse.save_npz`, with its y as .npy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

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

    Of an .npz the settings beside the path are names of its arrays. Else they are paths of .npy
    files.

    Args:
        path: the .npz, or X.npy.
        target: y; "y" in an .npz if nothing is said.
        sample_weight: how much each row counts; used, as the next two, if an .npz has one of that
            name.
        group: what may not be in two parts at once.
        time: what orders the rows: numbers or dates.

    Raises:
        UserError: the files do not hold this, or hold Python objects, which need pickle.
    """
    where = f"data.path: {path}"
    file = files.find(path, kind=NPZ)
    asked = {"sample_weight": sample_weight, "group": group, "time": time}
    if file.suffix == ".npz" and not _is_sparse(where, file):
        found = _unpacked(where, file, target or "y", asked)
    elif file.suffix in (".npz", ".npy"):
        if target is None:
            raise UserError(f"data.target: is missing: must be {NPY}, the targets of {path}")
        found = {
            "X": _sparse(where, file) if file.suffix == ".npz" else _array(where, file, "X"),
            "y": _array(f"data.target: {target}", files.find(target, "target", NPY), "y"),
        }
        for key, other in asked.items():
            if other is not None:
                found[key] = _array(f"data.{key}: {other}", files.find(other, key, NPY), key)
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
    """Dates as numbers; a missing one is nan, which is refused as of numbers."""
    counted = times.astype("datetime64[us]").astype(np.float64)
    return np.where(np.isnat(times), np.nan, counted)


def _unpacked(
    where: str, file: Path, target: str, asked: dict[str, str | None]
) -> dict[str, np.ndarray]:
    """The arrays of an .npz that are wanted."""
    with files.reading(where, NPZ), _opened(file) as packed:
        names = {"X": "X", "y": target}
        for key, name in asked.items():
            if name is not None or key in packed.files:
                names[key] = name or key
        for name in names.values():
            if name not in packed.files:
                held = ", ".join(packed.files) or "nothing"
                raise UserError(f"{where}: holds no array {name}, but {held}; must be {NPZ}")
        memory.check(where, _unpacked_size(file, "X"), files.SMALLER)
        return {key: packed[name] for key, name in names.items()}


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """An .npz; NumPy would leave a file open that is none."""
    with file.open("rb") as content, np.load(content, allow_pickle=False) as packed:
        yield packed


def _unpacked_size(file: Path, name: str) -> int:
    """Bytes of one array of an .npz, which may be packed."""
    with ZipFile(file) as archive:
        return archive.getinfo(f"{name}.npy").file_size


def _is_sparse(where: str, file: Path) -> bool:
    with files.reading(where, NPZ), _opened(file) as packed:
        return "indptr" in packed.files


def _sparse(where: str, file: Path) -> Any:
    from scipy.sparse import csr_array, load_npz

    files.check_size(where, file)
    with files.reading(where, NPZ):
        return csr_array(load_npz(file))


def _array(where: str, file: Path, key: str) -> np.ndarray:
    """X as a map of its file, anything else read."""
    with files.reading(where, NPY):
        loaded = np.load(file, mmap_mode="r" if key == "X" else None, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):  # an .npz, whatever its name
            raise UserError(f"{where}: must be {NPY}")
        return loaded
