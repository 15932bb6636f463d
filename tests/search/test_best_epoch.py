"""The epoch by which a trial counts: found where there is one, and not made up out of noise."""

import math

import numpy as np
import pytest

from tuner.search.best_epoch import best_epoch


@pytest.mark.parametrize("epochs", [5, 8, 12, 30, 100])
def test_of_curves_that_are_nothing_but_noise_one_in_twenty_is_stopped_early(epochs):
    random = np.random.default_rng(epochs)
    found = [best_epoch(curve) for curve in random.normal(size=(600, epochs))]
    assert np.mean([at < epochs for at in found]) < 0.06


def test_the_value_of_noise_is_next_to_what_a_fresh_look_gives():
    # The lowest of 30 numbers lies 2 deviations below their mean; the epoch that counts, 0.1.
    curves = np.random.default_rng(0).normal(size=(1000, 30))
    values = [curve[best_epoch(curve) - 1] for curve in curves]
    assert curves.min(axis=1).mean() < -1.9
    assert abs(np.mean(values)) < 0.2


@pytest.mark.parametrize("lowest", [2, 5, 12, 22])
def test_the_lowest_epoch_of_a_curve_that_rises_again_is_found(lowest):
    epochs = np.arange(1, 31)
    curve = np.where(epochs < lowest, 1 + (lowest - epochs) ** 2, 1 + 0.05 * (epochs - lowest))
    noisy = curve + 0.02 * np.random.default_rng(lowest).normal(size=(200, 30))
    found = np.array([best_epoch(own) for own in noisy])
    assert np.mean(np.abs(found - lowest) <= 1) > 0.95


def test_a_curve_that_falls_counts_by_its_last_epoch():
    assert best_epoch(0.9 ** np.arange(40)) == 40
    assert best_epoch([3.0, 2.0, 1.0]) == 3


def test_short_curves_count_by_their_last_epoch():
    assert best_epoch([1.0]) == 1
    assert best_epoch([1.0, 2.0]) == 2


def test_epochs_without_a_finite_number_never_count_unless_all_are_so():
    assert best_epoch([math.inf] * 5) == 5
    assert best_epoch([math.nan] * 5) == 5
    assert best_epoch([1.0, 0.5, 0.5, 0.5, math.inf, math.nan]) in (2, 3)


def test_an_accuracy_that_jumps_by_one_row_counts_by_its_last_epoch():
    jumps = np.random.default_rng(1).integers(0, 2, size=(300, 30)) / 80
    found = [best_epoch(-(0.9 + own)) for own in jumps]
    assert np.mean([at < 30 for at in found]) < 0.06
