"""Splits: the rows of the training, validation and test parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.errors import UserError

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending.

    Attributes:
        folds: (train, validation) of each fold.
        rest: all rows but the test part.
        test: the test part; empty if there is none.
    """

    folds: tuple[tuple[Array, Array], ...]
    rest: Array
    test: Array


def split(
    strata: Array,
    *,
    validation: float,
    test: float,
    folds: int | None,
    groups: Array | None,
    times: Array | None,
    seed: int,
) -> Split:
    """Splits rows into one training and validation part, or `folds` of them, and a test part.

    Args:
        strata: (n,) the stratum of each row; every part gets its share of each stratum.
        validation, test: shares of all rows; the test share may be 0.
        folds: number of cross-validation folds, or None for one validation part.
        groups: (n,) the group of each row, which must stay in one part, or None.
        times: (n,) times of rows, so that validation is later than training, and the test part
            latest; or None.
        seed: the same seed gives the same parts.

    Raises:
        UserError: groups or times allow no such split.
    """
    if times is not None:
        return _by_time(times, validation, test, folds)
    if groups is not None:
        return _by_group(groups, strata, validation, test, folds, seed)
    shares = {"validation": validation} | ({"test": test} if test else {})
    parts = share_out(strata, shares, seed=seed)
    if folds is None:
        return _split([(parts["train"], parts["validation"])], parts.get("test"))
    rest = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    dealt = deal(strata[rest], folds, seed=seed)
    return _split(_turns([rest[piece] for piece in dealt]), parts.get("test"))


def share_out(groups: Array, fractions: dict[str, float], *, seed: int) -> dict[str, Array]:
    """Distributes the shuffled rows of each group, so that every part gets its share of each.

    Args:
        groups: (n,) the class of each row, or zeros without classes.
        fractions: the share of each part; the part "train" gets the rest.
        seed: the same seed gives the same parts.

    Returns:
        The row numbers of each part, ascending; every row is in exactly one. A part gets
        round(fraction * rows) of each group.

    >>> apples_then_pears = np.array([0] * 10 + [1] * 5)
    >>> parts = share_out(apples_then_pears, {"validation": 0.2}, seed=0)
    >>> {part: apples_then_pears[rows].tolist() for part, rows in parts.items()}
    {'validation': [0, 0, 1], 'train': [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]}
    """
    random = np.random.default_rng(seed)
    pieces: dict[str, list[Array]] = {part: [] for part in (*fractions, "train")}
    for group in np.unique(groups):
        rows = random.permutation(np.flatnonzero(groups == group))
        sizes = [round(fraction * len(rows)) for fraction in fractions.values()]
        for part, piece in zip(pieces, np.split(rows, np.cumsum(sizes)), strict=True):
            pieces[part].append(piece)
    return {part: np.sort(np.concatenate(pieces[part])) for part in pieces}


def deal(strata: Array, parts: int, *, seed: int) -> list[Array]:
    """Deals the shuffled rows of each stratum to the parts in turn: sizes differ by at most one.

    Args:
        strata: (n,) the stratum of each row.
        parts: number of parts.
        seed: the same seed gives the same parts.

    Returns:
        The row numbers of each part, ascending.

    >>> [piece.tolist() for piece in deal(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0)]
    [[2, 5], [0, 4], [1, 3]]
    """
    random = np.random.default_rng(seed)
    shuffled = [random.permutation(np.flatnonzero(strata == s)) for s in np.unique(strata)]
    cards = np.concatenate(shuffled)
    return [np.sort(cards[part::parts]) for part in range(parts)]


def share_groups(
    groups: Array, strata: Array, shares: Sequence[float], *, seed: int
) -> list[Array]:
    """Assigns whole groups to parts so that each gets about its share of each stratum.

    Groups are assigned from the largest to the smallest, equally large ones in random order. Each
    goes to the part where the squared differences from the shares grow least.

    Args:
        groups, strata: (n,) the group and the stratum of each row.
        shares: the share of each part; they sum to 1.
        seed: the same seed gives the same parts.

    Returns:
        The row numbers of each part, ascending; no part is empty if there are enough groups.
    """
    names, codes = np.unique(groups, return_inverse=True)
    kinds, kind_codes = np.unique(strata, return_inverse=True)
    table = np.zeros((len(names), len(kinds)))
    np.add.at(table, (codes, kind_codes), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-table[order].sum(axis=1), kind="stable")]
    table /= table.sum(axis=0)

    wanted = np.asarray(shares)[:, None]
    filled = np.zeros((len(shares), len(kinds)))
    taken = np.zeros(len(shares), bool)
    part_of = np.empty(len(names), int)
    for placed, group in enumerate(order):
        growth = (2 * (filled - wanted) * table[group]).sum(axis=1)
        if len(order) - placed <= (~taken).sum():  # the remaining groups go to empty parts
            growth = np.where(taken, np.inf, growth)
        part = int(growth.argmin())
        part_of[group], taken[part] = part, True
        filled[part] += table[group]
    return [np.flatnonzero(part_of[codes] == part) for part in range(len(shares))]


def cut(times: Array, shares: Sequence[float], least: int = 1) -> list[Array]:
    """Cuts rows, ordered by time, near the given shares; rows of equal time stay together.

    Args:
        times: (n,) the times that order the rows.
        shares: the share of each part, the earliest first; they sum to 1.
        least: least number of different times in the earliest part; the others need one.

    Returns:
        The row numbers of each part in the order of time.

    Raises:
        UserError: there are too few different times.

    >>> [part.tolist() for part in cut(np.array([5, 1, 1, 3, 4, 2]), [0.5, 0.5])]
    [[1, 2, 5], [3, 4, 0]]
    """
    order = np.argsort(times, kind="stable")
    changes = np.flatnonzero(np.diff(times[order])) + 1
    _check_times(len(changes) + 1, len(shares) - 1 + least)
    cuts: list[int] = []
    for number, place in enumerate(len(order) * np.cumsum(shares)[:-1]):
        first = int(np.searchsorted(changes, cuts[-1], "right")) if cuts else least - 1
        left = changes[first : len(changes) - (len(shares) - 2 - number)]  # one for each later part
        cuts.append(int(left[np.abs(left - place).argmin()]))
    return np.split(order, cuts)


def _by_time(times: Array, validation: float, test: float, folds: int | None) -> Split:
    """One cut, or expanding windows: fold k trains on the first k pieces, validates on the next.

    The test part is cut off first, so it does not depend on the other settings.
    """
    windows = (folds or 1) + 1
    _check_times(len(np.unique(times)), windows + (test > 0))
    rest, tests = np.arange(len(times)), []
    if test:
        rest, held = cut(times, [1 - test, test], least=2)
        tests = [held]
    own = times[rest]
    if (count := len(np.unique(own))) < windows:
        raise UserError(
            f"data.time: the test part leaves {count} times; must leave {windows} at least"
        )
    share = validation / (1 - test)
    shares = [1 - share, share] if folds is None else [1 / windows] * windows
    pieces = [rest[piece] for piece in cut(own, shares)]
    pairs = [(np.concatenate(pieces[: k + 1]), pieces[k + 1]) for k in range(windows - 1)]
    return _split(pairs, *tests)


def _check_times(count: int, least: int) -> None:
    if count < least:
        raise UserError(
            f"data.time: holds {count} times; must hold {least} at least, to cut the rows there"
        )


def _by_group(
    groups: Array, strata: Array, validation: float, test: float, folds: int | None, seed: int
) -> Split:
    parts = (folds or 2) + (test > 0)
    if (count := len(np.unique(groups))) < parts:
        key = "data.group" if folds is None else f"data.folds: {folds}"
        raise UserError(
            f"{key}: there are {count} groups; must be {parts} at least, one for each part"
        )
    rest, tests = np.arange(len(groups)), []
    if test:
        rest, held = share_groups(groups, strata, [1 - test, test], seed=seed)
        tests = [held]
    own, kinds = groups[rest], strata[rest]
    if (count := len(np.unique(own))) < (folds or 2):
        raise UserError(
            f"data.group: the test part leaves {count} groups; must leave {folds or 2} at least"
        )
    if folds is None:
        share = validation / (1 - test)
        train, after = share_groups(own, kinds, [1 - share, share], seed=seed)
        return _split([(rest[train], rest[after])], *tests)
    dealt = share_groups(own, kinds, [1 / folds] * folds, seed=seed)
    return _split(_turns([rest[piece] for piece in dealt]), *tests)


def _turns(pieces: Sequence[Array]) -> list[tuple[Array, Array]]:
    """Cross-validation: each piece is the validation part once, the others are for training."""
    return [
        (np.concatenate([p for other, p in enumerate(pieces) if other != turn]), piece)
        for turn, piece in enumerate(pieces)
    ]


def _split(folds: Sequence[tuple[Array, Array]], test: Array | None = None) -> Split:
    pairs = tuple((np.sort(train), np.sort(after)) for train, after in folds)
    rest = np.unique(np.concatenate([rows for pair in pairs for rows in pair]))
    return Split(pairs, rest, np.sort(test) if test is not None else np.empty(0, np.int64))
