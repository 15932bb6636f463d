"""What unpacks to more than there is of memory is refused before it is unpacked."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.data_cases import ROWS, npy
from tuner.data import load
from tuner.errors import UserError


@pytest.mark.parametrize("large", ["X", "y", "group"])
def test_every_array_of_an_npz_is_weighed(
    large: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {"X": np.ones((ROWS, 2)), "y": np.arange(ROWS) % 2, "group": np.arange(ROWS)}
    arrays[large] = np.zeros((1_000_000, 2))
    with zipfile.ZipFile(tmp_path / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy(array))
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 20_000_000)
    with pytest.raises(UserError, match=r"^data\.path: .*t\.npz: needs 16\.0 MB of memory"):
        load("t", reader="arrays", path=str(tmp_path / "t.npz"), seed=0, dtype="float32")


def test_parquet_is_weighed_by_what_it_decodes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow
    from pyarrow import parquet

    same = pyarrow.array(np.zeros(100_000, np.int64))
    parquet.write_table(pyarrow.table([same] * 3, names=["a", "b", "y"]), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 5_000_000)
    path = str(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"^data\.path: .*t\.parquet: needs 4\.8 MB of memory"):
        load("t", reader="table", path=path, target="y", seed=0, dtype="float32")
