"""Paired tests: whether one model beats another on the same rows by more than noise.

Each returns the p-value of a one-sided test: how often a model that is no better would look as much
better as this one does, or more. At `LEVEL` it is what a two-sided test is at 5 %.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Array = np.ndarray

# At most this p-value says that a model is better.
LEVEL = 0.025
# How often rows are drawn anew; the p-value of 2.5 % is then known to 0.35 percentage points.
DRAWS = 2_000


def mcnemar(ours: Array, theirs: Array) -> float:
    """McNemar's exact test of the rows that one of two models alone has right.

    Under the null it is either's with probability 1/2 (McNemar 1947; the binomial instead of the
    chi-squared distribution).

    Args:
        ours, theirs: (n,) whether each row is right.

    >>> ours, theirs = np.array([True] * 9), np.array([False] * 6 + [True] * 3)
    >>> mcnemar(ours, theirs) == 0.5**6
    True
    """
    from scipy.stats import binomtest

    won, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    if not won + lost:
        return 1.0
    return float(binomtest(won, won + lost, 0.5, alternative="greater").pvalue)


def delong(positive: Array, ours: Array, theirs: Array) -> float:
    """DeLong's test of two areas under ROC curves of the same rows.

    DeLong, DeLong & Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated Receiver
    Operating Characteristic Curves", with the midranks of Sun & Xu 2014, which take n log n. Where
    the areas have no variance, as of a ranking without mistakes, it says no more than the ranks
    can: one order of the classes in C(n, positives).

    Args:
        positive: (n,) whether a row is of the positive class.
        ours, theirs: (n,) what each model ranks the rows by.
    """
    from scipy.stats import norm, rankdata

    hits, others = int(positive.sum()), int((~positive).sum())
    if min(hits, others) < 2:
        return 1.0
    of_hits, of_others = [], []
    for ranking in (ours, theirs):
        ranks, above, below = (rankdata(part) for part in
                               (ranking, ranking[positive], ranking[~positive]))  # fmt: skip
        of_hits.append((ranks[positive] - above) / others)
        of_others.append(1 - (ranks[~positive] - below) / hits)
    difference = float(np.mean(of_hits[0]) - np.mean(of_hits[1]))
    variance = sum(float(np.var(own[0] - own[1], ddof=1)) / len(own[0])
                   for own in (of_hits, of_others))  # fmt: skip
    if difference <= 0:
        return 1.0 if not variance else float(norm.sf(difference / math.sqrt(variance)))
    tail = float(norm.sf(difference / math.sqrt(variance))) if variance else 0.0
    least = -(math.lgamma(len(positive) + 1) - math.lgamma(hits + 1) - math.lgamma(others + 1))
    return max(tail, math.exp(least))


def bootstrap(
    better: Callable[[Array], float], units: Sequence[Array], seed: int, draws: int = DRAWS
) -> float:
    """The paired bootstrap of a difference: the share of the draws in which nothing is gained.

    Whole units are drawn with replacement, as many as there are: rows, groups or stretches of
    time. A draw that has no number, as one without a class, does not count. The share is expanded
    as a mean of few rows asks for (Hesterberg 2015, "What Teachers Should Know about the
    Bootstrap", section 5.2), and is never less than one in two to the number of units.

    Args:
        better: by how much one model is better on these rows, (draws rows,) numbers that repeat.
        units: row numbers of each.
        seed: of the draws.
        draws: how many.
    """
    from scipy.stats import norm, t

    n = len(units)
    if n < 2:
        return 1.0
    random, even = np.random.default_rng(seed), all(len(unit) == 1 for unit in units)
    rows, lost, known = np.concatenate([*units]), 0, 0
    for _ in range(draws):
        drawn = random.integers(n, size=n)
        found = better(rows[drawn] if even else np.concatenate([units[i] for i in drawn]))
        known += math.isfinite(found)
        lost += found <= 0
    if 2 * known < draws:
        return 1.0
    share = norm.ppf(min(lost + 1, known) / (known + 1)) * math.sqrt((n - 1) / n)
    return max(float(t.cdf(share, n - 1)), 0.5**n)


def units_of(rows: int, groups: Array | None, times: Array | None) -> Iterator[Array]:
    """What is drawn together: groups, stretches of time, or each row by itself.

    Neighbours in time are alike, so that n rows say less than n numbers: they are drawn in
    stretches of n ** (1/3) rows (Künsch 1989, "The Jackknife and the Bootstrap for General
    Stationary Observations").

    Args:
        rows: how many there are.
        groups: (rows,) what belongs together, or None.
        times: (rows,) what orders the rows, or None.

    >>> [unit.tolist() for unit in units_of(8, None, np.arange(8)[::-1])]
    [[7, 6], [5, 4], [3, 2], [1, 0]]
    """
    if groups is not None:
        _, codes = np.unique(groups, return_inverse=True)
        order = np.argsort(codes, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    elif times is not None:
        order, length = np.argsort(times, kind="stable"), max(1, round(rows ** (1 / 3)))
        yield from np.array_split(order, max(1, rows // length))
    else:
        yield from np.arange(rows)[:, None]
