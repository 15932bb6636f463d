"""Promises of the sets that scikit-learn ships."""

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from tuner.data import load
from tuner.data.readers import bundled
from tuner.errors import UserError


def test_the_files_hold_what_scikit_learn_loads(bundled_name: str) -> None:
    loader = getattr(sklearn.datasets, f"load_{bundled_name}")
    raw = {"scaled": False} if "scaled" in inspect.signature(loader).parameters else {}
    rows, targets = loader(return_X_y=True, **raw)
    source = bundled.read(bundled_name)
    np.testing.assert_array_equal(source.rows, rows)
    np.testing.assert_array_equal(source.targets.reshape(targets.shape), targets)
    assert source.targets.dtype == targets.dtype


def test_no_slow_library_is_imported_to_load_them(configs: dict[str, dict[str, Any]]) -> None:
    names = [name for name, config in configs.items() if config.get("reader") == "bundled"]
    code = (
        "import sys; from tuner.data import load\n"
        f"for name in {names!r}: load(name, seed=0, dtype='f4')\n"
        "print({'sklearn', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["nothing", "", "*", "../data/iris", "iris.csv"])
def test_an_unknown_name_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match=r"^data\.name: .* ships no such set.*$"):
        load(name, seed=0, dtype="float32")
