"""Promises of the reader of IDX files."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.data import DataSet, load
from tuner.data.readers.idx import read_array
from tuner.errors import UserError

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def load_folder(folder: Path, **settings: float) -> DataSet:
    asked: dict[str, Any] = {"scale": "minmax", "reader": "idx", "folder": str(folder), **settings}
    return load("small", seed=0, dtype="float32", **asked)


def test_what_was_written_is_read(write_idx: Callable[..., Path]) -> None:
    images = np.arange(24).reshape(4, 3, 2)
    np.testing.assert_array_equal(read_array(write_idx("images", images), dimensions=3), images)


def test_plain_files_are_read_like_gzipped_ones(folder: Path) -> None:
    gzipped = load_folder(folder)
    gzipped_test = gzipped.test().X
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    plain = load_folder(folder)
    np.testing.assert_array_equal(plain.folds[0].train.X, gzipped.folds[0].train.X)
    np.testing.assert_array_equal(plain.test().X, gzipped_test)


def test_the_test_part_is_the_files_of_its_own(folder: Path) -> None:
    data = load_folder(folder, validation_fraction=0.25)
    (train, validation), (X, y, weights) = data.folds[0], data.test()
    assert validation is not None
    assert weights is None
    assert (len(train.X), len(validation.X), len(X)) == (44, 16, 20)
    np.testing.assert_array_equal(y, np.arange(20) % 2)
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        raw = np.frombuffer(file.read(), np.uint8, offset=16).reshape(20, 6)
    np.testing.assert_allclose(X, data.recipe.rows.transformer().transform(raw), rtol=1e-6)


def test_the_test_files_are_not_read_before_they_are_asked_for(folder: Path) -> None:
    for path in folder.glob("t10k-*"):
        path.write_bytes(b"")
    data = load_folder(folder)
    with pytest.raises(UserError, match=r"data\.folder: .*t10k-images"):
        data.test()


@pytest.mark.parametrize("name", ["train-images", "train-labels", "t10k-images", "t10k-labels"])
def test_a_missing_file_is_one_line_before_any_training(folder: Path, name: str) -> None:
    next(folder.glob(f"{name}*")).unlink()
    with pytest.raises(UserError, match=rf"^data\.folder: .*{name}-idx\d-ubyte\.gz is not .*$"):
        load_folder(folder)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^data\.folder: .*nowhere: .* is not there.*$"):
        load_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda gz: b"", "0 bytes, an IDX header has 16"),
        (lambda gz: b"not gzip", "cannot be read .*ot a gzipped file"),
        (lambda gz: gz[:-20], "cannot be read .*end-of-stream"),
        (lambda gz: gz[:30] + bytes(8) + gz[38:], "cannot be read|its header says"),
        (lambda gz: gzip.compress(gzip.decompress(gz)[:9]), "9 bytes, an IDX header has 16"),
        (lambda gz: gzip.compress(gzip.decompress(gz)[:-1]), "holds 359 values, its header says 3"),
        (lambda gz: gzip.compress(gzip.decompress(gz) + b"x"), "holds more than 360 values, its "),
        (lambda gz: gzip.compress(b"\0\0\x0d\3" + bytes(12)), "starts with 00000d03, .* 00000803"),
        (lambda gz: gzip.compress(b"\0\0\x08\1" + bytes(12)), "starts with 00000801, .* 00000803"),
        (lambda gz: gzip.compress(b"\0\0\x08\3" + b"\xff" * 12), "its header says 79228162458924"),
    ],
)
def test_a_damaged_file_is_one_line(
    folder: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"^data\.folder: .*{IMAGES}\.gz: .*({message}).*$"):
        load_folder(folder)


def test_images_without_labels_are_one_line(folder: Path, write_idx: Callable[..., Path]) -> None:
    write_idx(LABELS, np.arange(59) % 2)
    with pytest.raises(UserError, match=r"^data\.folder: .*60 images, but 59 labels in train-lab"):
        load_folder(folder)


def test_no_images_at_all_are_one_line(folder: Path, write_idx: Callable[..., Path]) -> None:
    write_idx(IMAGES, np.zeros((0, 3, 2)))
    write_idx(LABELS, np.zeros(0))
    with pytest.raises(UserError, match=r"^data\.folder: .*the rows are empty"):
        load_folder(folder)


def test_test_images_of_another_size_are_one_line(
    folder: Path, write_idx: Callable[..., Path]
) -> None:
    write_idx("t10k-images-idx3-ubyte", np.zeros((20, 4, 4)))
    with pytest.raises(UserError, match=r"^data\.folder: test rows have 16 values, training 6$"):
        load_folder(folder).test()


def test_a_class_that_only_the_test_part_has_is_one_line(
    folder: Path, write_idx: Callable[..., Path]
) -> None:
    write_idx("t10k-labels-idx1-ubyte", np.arange(20) % 3)
    with pytest.raises(UserError, match=r"^data\.folder: the test part has class 2, which"):
        load_folder(folder).test()


def test_a_fraction_for_the_test_part_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^data\.test_fraction: 0\.2: leave it out"):
        load_folder(folder, test_fraction=0.2)


PEAK = """
from pathlib import Path
from tuner.data import load
data = load(seed=0, dtype="float32", **{settings!r})
train, validation = data.folds[0]
print(train.X.nbytes + validation.X.nbytes, *train.X.shape, data.outputs)
# Of this program alone: getrusage's maximum counts what the test's process held before it.
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM:"))
print(int(peak.split()[1]) * 1024)
"""


def test_fashion_mnist_takes_the_memory_of_its_floats_and_little_more(
    configs: dict[str, dict[str, Any]],
) -> None:
    settings = configs["fashion_mnist"]
    if not Path(settings["folder"]).is_dir():
        pytest.skip(f"{settings['folder']} is not there (apt install dataset-fashion-mnist)")
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(settings=settings)],
        capture_output=True,
        text=True,
        check=True,
    )
    floats, rows, inputs, outputs, peak = map(int, done.stdout.split())
    assert (rows, inputs, outputs) == (48_000, 784, 10)
    assert peak < floats + 200e6
