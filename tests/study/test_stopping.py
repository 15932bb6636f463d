"""Promises of stopping: the gain that is expected of more trials falls as they are added."""

import numpy as np

from tuner.study.stopping import expected_gain


def test_the_second_half_brings_nothing_where_all_are_alike():
    assert expected_gain([0.5] * 20) == 0


def test_twice_as_many_random_trials_bring_less_than_the_gain_before_says():
    """Over many studies of uniform losses: the gain told after n trials, and that of n more."""
    rng = np.random.default_rng(0)
    told, brought = [], []
    for _ in range(400):
        values = list(rng.random(64))
        told.append(expected_gain(values[:32]))
        brought.append(min(values[:32]) - min(values))
    assert 0 < np.mean(brought) < np.mean(told)


def test_many_trials_do_not_overflow():
    assert np.isfinite(expected_gain(list(np.linspace(0, 1, 3000))))
