"""Promises of the split in training, validation and test part."""

from typing import Any

import numpy as np
import pytest

from tuner.data.splits import Split, cut, share_groups, share_out, split
from tuner.errors import UserError

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


KINDS = {
    "stratified": {},
    "grouped": {"groups": np.arange(297) // 7},
    "by time": {"times": np.random.default_rng(1).permutation(297) // 3.0},
}


def made(labels: np.ndarray, kind: str, **settings: Any) -> Split:
    none: dict[str, Any] = {"groups": None, "times": None, "folds": None}
    asked = {"validation": 0.2, "test": 0.1, "seed": 0, **none, **KINDS[kind], **settings}
    return split(labels, **asked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folds", [None, 2, 5])
def test_no_row_is_in_two_parts_and_none_is_lost(
    labels: np.ndarray, kind: str, folds: int | None
) -> None:
    parts = made(labels, kind, folds=folds)
    assert len(parts.folds) == (folds or 1)
    rest_and_test = np.concatenate([parts.rest, parts.test])
    np.testing.assert_array_equal(np.sort(rest_and_test), np.arange(len(labels)))
    for train, validation in parts.folds:
        both = np.concatenate([train, validation])
        assert len(np.unique(both)) == len(both)
        assert np.isin(both, parts.rest).all()
        assert min(len(train), len(validation)) > 0


@pytest.mark.parametrize("kind", ["stratified", "grouped"])
def test_folds_validate_every_row_once(labels: np.ndarray, kind: str) -> None:
    parts = made(labels, kind, folds=4)
    validated = np.sort(np.concatenate([validation for _, validation in parts.folds]))
    np.testing.assert_array_equal(validated, parts.rest)
    sizes = [len(validation) for _, validation in parts.folds]
    assert max(sizes) - min(sizes) <= (1 if kind == "stratified" else 7)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_keep_class_shares(labels: np.ndarray, folds: int) -> None:
    parts = made(labels, "stratified", folds=folds)
    for label in np.unique(labels):
        counts = [np.sum(labels[validation] == label) for _, validation in parts.folds]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("folds", [None, 5])
def test_no_group_is_in_two_parts(labels: np.ndarray, folds: int | None) -> None:
    groups = KINDS["grouped"]["groups"]
    parts = made(labels, "grouped", folds=folds)
    for train, validation in parts.folds:
        three = [set(groups[rows]) for rows in (train, validation, parts.test)]
        assert sum(map(len, three)) == len(set.union(*three))


def test_groups_are_shared_out_by_rows_and_classes() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 60, 3000) ** 2  # of very different sizes
    strata = random.random(3000) < 0.2
    pieces = share_groups(groups, strata, [0.6, 0.3, 0.1], seed=0)
    for piece, share in zip(pieces, [0.6, 0.3, 0.1], strict=True):
        assert len(piece) / 3000 == pytest.approx(share, abs=0.03)
        assert strata[piece].mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.98, 0.01, 0.01], [0.1] * 10])
def test_every_part_gets_a_group_if_there_are_as_many(shares: list[float]) -> None:
    pieces = share_groups(np.arange(len(shares)), np.zeros(len(shares)), shares, seed=0)
    assert sorted(len(piece) for piece in pieces) == [1] * len(shares)


@pytest.mark.parametrize("folds", [None, 3])
def test_validation_is_after_training_and_the_test_last(
    labels: np.ndarray, folds: int | None
) -> None:
    times = KINDS["by time"]["times"]
    parts = made(labels, "by time", folds=folds)
    ends = []
    for train, validation in parts.folds:
        assert times[train].max() < times[validation].min()
        assert times[validation].max() < times[parts.test].min()
        ends.append(len(train))
    assert ends == sorted(ends)
    assert np.mean(np.diff(ends, prepend=0)) == pytest.approx(ends[0], abs=4)
    assert len(parts.test) == pytest.approx(0.1 * len(times), abs=3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_test_part_is_the_same_for_any_number_of_folds(labels: np.ndarray, kind: str) -> None:
    block = np.repeat(np.arange(120), [1] * 80 + [178] + [1] * 39)  # most rows are of one time
    own: dict[str, Any] = {"times": block} if kind == "by time" else {}
    for test in (0.1, 0.2, 0.4):
        held = [made(labels, kind, folds=folds, test=test, **own).test for folds in (None, 2, 3, 5)]
        for other in held[1:]:
            np.testing.assert_array_equal(other, held[0])


def test_the_test_part_leaves_two_times_if_there_are_three() -> None:
    times = np.repeat([1.0, 2.0, 3.0], [80, 10, 10])
    parts = made(np.zeros(100), "by time", times=times, test=0.34, validation=0.33)
    assert [len(rows) for rows in (*parts.folds[0], parts.test)] == [80, 10, 10]


def test_many_rows_of_one_time_stay_together() -> None:
    times = np.repeat([1.0, 2.0, 3.0], [80, 10, 10])
    pieces = cut(times, [0.34, 0.33, 0.33])
    assert [len(piece) for piece in pieces] == [80, 10, 10]


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_the_same_again(labels: np.ndarray, kind: str) -> None:
    first, again = (made(labels, kind, folds=3) for _ in range(2))
    np.testing.assert_array_equal(first.test, again.test)
    for one, other in zip(first.folds, again.folds, strict=True):
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("kind", ["stratified", "grouped"])
def test_a_part_that_is_kept_apart_leaves_every_row(labels: np.ndarray, kind: str) -> None:
    parts = made(labels, kind, test=0.0)
    assert len(parts.test) == 0
    assert len(parts.rest) == len(labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": np.zeros(297)}, "data.group: there are 1 groups; must be 3 at least"),
        ({"groups": np.arange(297) % 4, "folds": 5}, "data.folds: 5: there are 4 groups; must be"),
        ({"times": np.zeros(297)}, "data.time: holds 1 times; must hold 3 at least"),
        ({"times": np.arange(297) % 4, "folds": 5}, "data.time: holds 4 times; must hold 7 at"),
        (
            {"times": np.arange(297) % 7, "folds": 5, "test": 0.4},
            "data.time: the test part leaves 4 times; must leave 6 at least",
        ),
    ],
)
def test_too_few_groups_or_times_are_one_line(
    labels: np.ndarray, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        made(labels, "stratified", **settings)
    assert str(error.value).startswith(message)
