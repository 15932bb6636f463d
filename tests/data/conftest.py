"""What the tests of the data wing share: the configs, and a small folder of IDX files."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

CONFIGS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[2] / "conf" / "data").glob("*.yaml"))
}
BUNDLED = [name for name, config in CONFIGS.items() if config.get("reader") == "bundled"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `bundled_name` runs once for each set of conf/data that scikit-learn ships."""
    if "bundled_name" in metafunc.fixturenames:
        metafunc.parametrize("bundled_name", BUNDLED)


@pytest.fixture
def configs() -> dict[str, dict[str, Any]]:
    """Every conf/data/*.yaml by name."""
    return CONFIGS


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of bytes."""
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_idx(tmp_path: Path) -> Callable[..., Path]:
    """Writes one gzipped IDX file; returns its path."""

    def write(name: str, array: np.ndarray) -> Path:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(idx_bytes(array)))
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path, write_idx: Callable[..., Path]) -> Path:
    """A folder of 60 training and 20 test images of 3 x 2 pixels in two classes."""
    random = np.random.default_rng(0)
    for part, images in (("train", 60), ("t10k", 20)):
        write_idx(f"{part}-images-idx3-ubyte", random.integers(0, 256, (images, 3, 2)))
        write_idx(f"{part}-labels-idx1-ubyte", np.arange(images) % 2)
    return tmp_path
