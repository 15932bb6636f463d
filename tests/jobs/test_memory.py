"""Memory: a large data set trains in what it takes itself and one gigabyte."""

import os
from pathlib import Path

import pytest

from tests.jobs.conftest import Command

IMAGES = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_trains_in_the_memory_of_its_data_and_a_gigabyte(command: Command) -> None:
    process = command.start(
        "data=fashion_mnist", "model.mlp.hidden=[64]", "batch_size=128", "budget.epochs=1",
        "budget.trials=16", "study.cohort=16", "pruner=none", stdout=None, stderr=None,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    data = 70_000 * 28 * 28 * 4
    print(f"peak {used.ru_maxrss / 1024:.0f} MB, data {data >> 20} MB")
    assert used.ru_maxrss * 1024 < data + (1 << 30)
