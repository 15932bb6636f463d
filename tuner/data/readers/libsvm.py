"""A file in the format of libsvm (svmlight); its rows stay sparse.

A line is `target column:value column:value ...`, as written by scikit-learn's `dump_svmlight_file`.
Files with `.gz` and `.bz2` are decompressed.
"""

import numpy as np

from tuner.data import files, memory
from tuner.data.source import Source
from tuner.errors import UserError

KIND = "lines of `target column:value ...`, with columns below 2**31"


def read(path: str, columns: int | None = None) -> Source:
    """Rows and targets; targets that are all integers below 2**53 are labels.

    Args:
        path: path of the file.
        columns: number of columns, needed if the last ones are all zero.

    Raises:
        UserError: the file is not in this format.
    """
    where = f"data.path: {path}"
    file = files.find(path, kind=KIND)
    if columns is not None:
        if columns < 1:
            raise UserError(f"data.columns: {columns}: must be 1 at least")
        memory.check(f"data.columns: {columns}", memory.COLUMN * columns, "give fewer")
    with files.reading(where, KIND):
        files.check_text(where, file, b":\n", each=24)
    from scipy.sparse import csr_array
    from sklearn.datasets import load_svmlight_file

    with files.reading(where, KIND):
        rows, targets = load_svmlight_file(str(file), n_features=columns)
    # Beyond that, float64 cannot represent every integer, and int64 may overflow.
    exact = (np.abs(targets) < 2.0**53).all()
    whole = exact and (targets == np.rint(targets)).all()
    return Source(where, csr_array(rows), targets.astype(np.int64) if whole else targets)
