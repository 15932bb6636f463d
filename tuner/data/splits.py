"""Which rows are for training, which for validation and which for the test."""

import numpy as np


def share_out(
    groups: np.ndarray, fractions: dict[str, float], *, seed: int
) -> dict[str, np.ndarray]:
    """Share out the shuffled rows of each group, so that every part has its share of each.

    groups: (n,) the class of each row, or zeros where there are no classes
    fractions: the share of each part; the part "train" gets what they leave

    Returns the row numbers of each part, ascending; every row is in exactly one. A part gets
    round(fraction * rows) of each group. The same seed gives the same parts.

    >>> apples_then_pears = np.array([0] * 10 + [1] * 5)
    >>> parts = share_out(apples_then_pears, {"validation": 0.2}, seed=0)
    >>> {part: apples_then_pears[rows].tolist() for part, rows in parts.items()}
    {'validation': [0, 0, 1], 'train': [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]}
    """
    random = np.random.default_rng(seed)
    pieces: dict[str, list[np.ndarray]] = {part: [] for part in (*fractions, "train")}
    for group in np.unique(groups):
        rows = random.permutation(np.flatnonzero(groups == group))
        sizes = [round(fraction * len(rows)) for fraction in fractions.values()]
        for part, piece in zip(pieces, np.split(rows, np.cumsum(sizes)), strict=True):
            pieces[part].append(piece)
    return {part: np.sort(np.concatenate(pieces[part])) for part in pieces}
