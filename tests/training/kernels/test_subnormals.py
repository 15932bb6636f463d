"""Subnormal numbers are zero while a block trains, there alone, and cost nothing."""

import platform
import threading

import numpy as np
import pytest

from tuner.training.kernels.subnormals import MODES, flushed

SMALLEST = np.finfo(np.float32).tiny


def halved() -> float:
    return float(np.full(1, SMALLEST)[0] * np.float32(0.5))


@pytest.mark.skipif(platform.machine() not in MODES, reason="another processor")
def test_subnormals_are_zero_inside_and_in_this_thread_alone() -> None:
    seen, go = [], threading.Event()
    # One that begins inside would inherit what is set there.
    thread = threading.Thread(target=lambda: (go.wait(), seen.append(halved())))
    thread.start()
    with flushed():
        inside = halved()
        go.set()
        thread.join()
    assert inside == 0.0
    assert seen == [float(SMALLEST) / 2]
    assert halved() == float(SMALLEST) / 2


def test_what_was_set_comes_back_after_an_error() -> None:
    with pytest.raises(KeyError), flushed():
        raise KeyError
    assert halved() > 0.0


def test_other_numbers_are_as_they_were() -> None:
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    with flushed():
        inside = numbers * numbers + numbers
    assert (inside == numbers * numbers + numbers).all()
