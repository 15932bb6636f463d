"""Memory: a large data set trains in what it takes itself and one gigabyte."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.jobs.conftest import Command

IMAGES = Path("/usr/share/datasets/fashion-mnist")


def peak(process: "subprocess.Popen[str]") -> int:
    """The most bytes a process has until it ends; what wait4 tells counts those of its parent."""
    most = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                most = max(most, int(line.split()[1]) * 1024)
        time.sleep(0.05)
    return most


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_trains_in_the_memory_of_its_data_and_a_gigabyte(command: Command) -> None:
    process = command.start(
        "data=fashion_mnist", "model.mlp.hidden=[64]", "batch_size=128", "budget.epochs=1",
        "budget.trials=16", "study.cohort=16", "pruner=none", stdout=None, stderr=None,
    )  # fmt: skip
    most = peak(process)
    assert process.returncode == 0
    data = 70_000 * 28 * 28 * 4
    print(f"peak {most >> 20} MB, data {data >> 20} MB")
    assert data < most < data + (1 << 30)
