"""The small data sets that scikit-learn ships, read from its files.

scikit-learn's loaders take 2 s of imports (scipy.stats, pandas); reading its files takes 0.02 s.
They are tables of numbers with the label in the last column, or one table of rows and one of
targets.
"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tuner.data.source import Source
from tuner.errors import UserError


def read(name: str) -> Source:
    """The rows and targets that `sklearn.datasets.load_<name>` returns, but unscaled.

    A set with a separate file of targets is for regression, all others for classification.

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
    package = find_spec("sklearn")  # finds the folder without an import
    if package is None or package.origin is None or not name.isidentifier():
        return []
    folder = Path(package.origin).parent / "datasets" / "data"
    patterns = f"{name}.csv*", f"{name}_data*.csv*", f"{name}_target.csv*"
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _table(path: Path) -> np.ndarray:
    """The numbers of one file, without a first line that names the classes."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    delimiter = "," if "," in lines[0] else None
    names_classes = any(cell.isidentifier() for cell in lines[0].split(delimiter))
    return np.loadtxt(lines[names_classes:], delimiter=delimiter, ndmin=2)
