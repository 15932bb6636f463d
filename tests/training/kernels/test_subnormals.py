"""Subnormal numbers are zero in threads that train, and nowhere else."""

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import supervised
from tuner.training.kernels.subnormals import MODES, flush
from tuner.training.loop import Trainer

SMALLEST = np.finfo(np.float32).tiny


def halved() -> float:
    return float(np.full(1, SMALLEST)[0] * np.float32(0.5))


def flushing(function: Callable[[], Any]) -> Any:
    """What a function returns in a thread that flushes."""
    with ThreadPoolExecutor(1, initializer=flush) as pool:
        return pool.submit(function).result()


@pytest.mark.skipif(platform.machine() not in MODES, reason="another processor")
def test_subnormals_are_zero_in_a_thread_that_flushes_and_in_no_other() -> None:
    assert flushing(halved) == 0.0
    assert halved() == float(SMALLEST) / 2
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(halved).result() == float(SMALLEST) / 2


@pytest.mark.skipif(platform.machine() not in MODES, reason="another processor")
def test_a_trainer_flushes_in_its_own_threads_alone() -> None:
    with Trainer(supervised(), 1) as trainer:
        assert trainer.pool.submit(halved).result() == 0.0
    assert halved() == float(SMALLEST) / 2


def test_other_numbers_are_as_they_were() -> None:
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    inside = flushing(lambda: numbers * numbers + numbers)
    assert (inside == numbers * numbers + numbers).all()
