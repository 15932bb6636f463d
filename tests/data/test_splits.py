"""Promises of the split in training, validation and test part."""

import numpy as np
import pytest

from tuner.data.splits import share_out

FRACTIONS = {"validation": 0.2, "test": 0.1}


@pytest.fixture
def labels() -> np.ndarray:
    """Four classes of 10, 20, 30 and 237 rows, mixed."""
    return np.random.default_rng(0).permutation(np.repeat([3, 5, 7, 9], [10, 20, 30, 237]))


def test_parts_are_disjoint_and_cover_every_row(labels: np.ndarray) -> None:
    parts = share_out(labels, FRACTIONS, seed=0)
    every = np.sort(np.concatenate(list(parts.values())))
    np.testing.assert_array_equal(every, np.arange(len(labels)))


def test_class_shares_are_kept_in_every_part(labels: np.ndarray) -> None:
    parts = share_out(labels, FRACTIONS, seed=0)
    for part, share in {**FRACTIONS, "train": 0.7}.items():
        for label in np.unique(labels):
            rows = np.sum(labels[parts[part]] == label)
            assert abs(rows - share * np.sum(labels == label)) <= 1


def test_the_same_seed_gives_the_same_parts(labels: np.ndarray) -> None:
    first, again = (share_out(labels, FRACTIONS, seed=7) for _ in range(2))
    for part in first:
        np.testing.assert_array_equal(first[part], again[part])


def test_another_seed_gives_other_parts(labels: np.ndarray) -> None:
    first, other = (share_out(labels, FRACTIONS, seed=seed) for seed in (7, 8))
    for part in first:
        assert not np.array_equal(first[part], other[part])


def test_rows_are_drawn_from_the_whole_set() -> None:
    parts = share_out(np.zeros(1000), FRACTIONS, seed=0)
    for rows in parts.values():
        assert abs(rows.mean() - 500) < 100
