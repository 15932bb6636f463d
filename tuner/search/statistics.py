"""Statistics of tuning: the expected best of k trials, and how far to trust a mean of few seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# How often what was measured is drawn anew, and the share of the draws that an interval holds.
DRAWS = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds between which it lies with 95 % confidence."""

    mean: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether it says nothing of the sign of what was measured."""
        return self.low <= 0 <= self.high


def expected_best(values: Sequence[float], k: int) -> float:
    """Mean over all choices of k of the values, without repetition, of the lowest one.

    The unbiased estimate of the best of k trials (Tang et al. 2020, "Showing Your Work Doesn't
    Always Work"): the sum over i of the i-th lowest value times C(n - i, k - 1) / C(n, k).
    """
    ranked, n = sorted(values), len(values)
    chosen = math.comb(n, k)
    return math.fsum(v * (math.comb(n - i, k - 1) / chosen) for i, v in enumerate(ranked, 1))


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample, with n - 1."""
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1))


def best_of_k(values: Sequence[float], seed: int = 0) -> list[Interval]:
    """The expected best of k = 1, 2, ... up to all of the values, each with its interval.

    The bounds are percentiles over draws of as many values, with repetition. Towards all of the
    values they are too narrow, for no draw holds anything better than the best.
    """
    n = len(values)
    weights = np.array(
        [
            [math.comb(n - i, k - 1) / math.comb(n, k) for i in range(1, n + 1)]
            for k in range(1, n + 1)
        ]
    )
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(np.array(values, dtype=float), (DRAWS // 10, n)), axis=1)
    share = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn @ weights.T, [share, 1 - share], axis=0).tolist()
    return [Interval(expected_best(values, k), low[k - 1], high[k - 1]) for k in range(1, n + 1)]


def winners(values: Mapping[str, Sequence[float]], budgets: Sequence[int]) -> list[str]:
    """For each budget k, whose k trials are expected to hold the lowest value.

    Args:
        values: of the trials, by the name of what is compared; of equals the first wins.
        budgets: each a k.

    Returns:
        A name for each budget.

    Raises:
        ValueError: for a budget that is larger than the number of someone's values.
    """
    fewest = min(map(len, values.values()))
    if max(budgets) > fewest:
        raise ValueError(f"{max(budgets)}: must be at most the number of trials, {fewest}")
    return [min(values, key=lambda name: expected_best(values[name], k)) for k in budgets]


def worth(final: float, start: float) -> float:
    """What a trial is worth where values are averaged: one that is lost is worth its start.

    A mean over trials would else be a mean of how far the worst of them exploded.
    """
    return min(final, start) if math.isfinite(final) else start


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of independent values with its bootstrap interval (Efron 1979).

    The percentiles are those of the expanded percentile interval (Hesterberg 2015, "What Teachers
    Should Know About the Bootstrap", section 5.3): the plain one is too narrow for few values, by
    as much as the normal quantile falls short of Student's t with n - 1 degrees of freedom, and by
    sqrt((n - 1) / n). A single value says nothing of its spread: its interval is infinite.
    """
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Interval(mean, -math.inf, math.inf)
    if min(values) == max(values):
        return Interval(mean, mean, mean)
    measured = np.array(values, dtype=float)
    drawn = np.random.default_rng(seed).choice(measured, (DRAWS, n)).mean(axis=1)
    share = expanded(n)
    low, high = np.quantile(drawn, [share, 1 - share]).tolist()
    return Interval(mean, low, high)


def expanded(n: int) -> float:
    """The share of the draws to leave out at each end, for n values."""
    from scipy.special import ndtr, stdtrit

    t = float(stdtrit(n - 1, (1 - CONFIDENCE) / 2))
    return float(ndtr(math.sqrt(n / (n - 1)) * t))


def profile(costs: Mapping[str, Sequence[float]], taus: Sequence[float]) -> dict[str, list[float]]:
    """Performance profiles (Dolan & More 2002): for each solver the share of the problems that it
    solves at no more than tau times the cost of the problem's best solver, at these tau.

    A problem that nobody solves counts for nobody.

    Args:
        costs: by solver, one number above zero a problem; infinity where it did not solve it.
        taus: at which the share is taken, each 1 or more.

    >>> profile({"a": [1, 2, 9], "b": [2, 2, 4]}, [1, 2, float("inf")])["b"]
    [0.6666666666666666, 1.0, 1.0]
    """
    return {
        name: [sum(r <= tau and math.isfinite(r) for r in own) / len(own) for tau in taus]
        for name, own in ratios_of(costs).items()
    }


def ratios_of(costs: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """For each solver, its cost on each problem over that of the problem's best solver."""
    best = [min(own) for own in zip(*costs.values(), strict=True)]
    return {
        name: [c / b if math.isfinite(c) else math.inf for c, b in zip(own, best, strict=True)]
        for name, own in costs.items()
    }
