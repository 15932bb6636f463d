"""Promises of a saved model: its example is what its predict takes, in files and in MLflow."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, StandardScaler

from tuner.tracking.model import FORMAT, describe, save

X = np.arange(12.0).reshape(4, 3) ** 2
EXAMPLES = {
    "npy": (X, np.load),
    "npz": (sparse.csr_array(X), sparse.load_npz),
    "csv": (pd.DataFrame({"a": [1, 2, 4, 8], "b": X[:, 1]}), pd.read_csv),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_model_is_saved_with_rows_of_its_kind(kind: str, tmp_path: Path) -> None:
    rows, read = EXAMPLES[kind]
    scaler = MaxAbsScaler() if kind == "npz" else StandardScaler()
    pipeline = make_pipeline(scaler, LinearRegression()).fit(rows, X[:, 0])
    (tmp_path / "example.old").touch()
    trusted = save(tmp_path, pipeline, rows)
    describe(tmp_path, pipeline, rows, trusted)
    (example,) = tmp_path.glob("example.*")
    for path in (tmp_path, tmp_path / FORMAT):
        again: Any = skops.io.load(path / "model.skops", trusted=trusted)
        np.testing.assert_array_equal(again.predict(read(example)), pipeline.predict(rows))
    assert (tmp_path / FORMAT / "input_example.json").exists()


def test_a_model_with_foreign_types_is_not_saved_as_trusted(tmp_path: Path) -> None:
    pipeline = make_pipeline(FunctionTransformer(np.testing.measure), LinearRegression())
    with pytest.raises(ValueError, match=r"trusted: name also .*measure"):
        save(tmp_path, pipeline, X)
