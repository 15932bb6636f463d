"""The small sets that scikit-learn ships, read from its own files.

Its loaders would cost 2 s of imports (SciPy's statistics, pandas), its files cost 0.02 s. They
are tables of numbers with the label in the last column, or a table of rows and one of targets.
"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tuner.data.source import Source
from tuner.errors import UserError


def read(name: str) -> Source:
    """The rows and targets that `sklearn.datasets.load_<name>` returns, but unscaled.

    A set with a file of targets is for regression, every other one for classification.

    Raises:
        UserError: scikit-learn ships no set of this name.
    """
    where = f"data.name: {name!r}"
    match [_table(path) for path in _files(name)]:
        case [table]:
            return Source(where, table[:, :-1], table[:, -1].astype(np.int64))
        case [rows, targets]:
            return Source(where, rows, targets)
        case _:
            raise UserError(
                f"{where}: scikit-learn ships no such set; choose one with data=<name>, "
                "or give data.reader"
            )


def _files(name: str) -> list[Path]:
    package = find_spec("sklearn")  # finds the folder, imports nothing
    if package is None or package.origin is None or not name.isidentifier():
        return []
    folder = Path(package.origin).parent / "datasets" / "data"
    patterns = f"{name}.csv*", f"{name}_data*.csv*", f"{name}_target.csv*"
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _table(path: Path) -> np.ndarray:
    """The numbers of one file; a first line that names the classes is left out."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    delimiter = "," if "," in lines[0] else None
    names_classes = any(cell.isidentifier() for cell in lines[0].split(delimiter))
    return np.loadtxt(lines[names_classes:], delimiter=delimiter, ndmin=2)
