"""Paired tests: whether one model beats another on the same rows by more than noise.

Each returns the p-value of a one-sided test: the probability that a model that is no better would
look better by at least as much. One-sided at `LEVEL` corresponds to two-sided at 5 %.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Array = np.ndarray

# A model is better if the p-value is at most this.
LEVEL = 0.025
# The number of bootstrap samples: the standard error of a p-value of 2.5 % is then 0.35 %.
DRAWS = 2_000


def mcnemar(ours: Array, theirs: Array) -> float:
    """McNemar's exact test on the rows that exactly one of two models gets right.

    Under the null hypothesis either model is the right one with probability 1/2 (McNemar 1947; with
    the binomial instead of the chi-squared distribution).

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
    """DeLong's test of two areas under the ROC curve on the same rows.

    DeLong, DeLong & Clarke-Pearson 1988, "Comparing the Areas under Two or More Correlated Receiver
    Operating Characteristic Curves", with the midranks of Sun & Xu 2014, which take n log n time.
    The areas may have no variance, for example with a perfect ranking. The p-value is therefore at
    least that of one order of the classes among C(n, positives).

    Args:
        positive: (n,) whether a row is of the positive class.
        ours, theirs: (n,) the scores by which each model ranks the rows.
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
    """The paired bootstrap of a difference: the share of samples without a gain.

    Whole units are drawn with replacement, as many as there are: rows, groups or blocks of time.
    Samples whose metric is undefined, for example without a row of a class, do not count. The share
    is corrected for few units (expanded percentiles, Hesterberg 2015, "What Teachers Should Know
    about the Bootstrap", section 5.2), and is at least 0.5 to the power of the number of units.

    Args:
        better: returns by how much one model is better on given row numbers, with repetitions.
        units: the row numbers of each unit.
        seed: seed of the samples.
        draws: number of samples.
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
    """The units of the bootstrap: groups, blocks of time, or single rows.

    Neighbours in time are correlated, so n rows carry less information than n independent ones.
    They are drawn in blocks of n ** (1/3) rows (Künsch 1989, "The Jackknife and the Bootstrap for
    General Stationary Observations").

    Args:
        rows: number of rows.
        groups: (rows,) the group of each row, or None.
        times: (rows,) the times that order the rows, or None.

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
