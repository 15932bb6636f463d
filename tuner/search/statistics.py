"""Statistics of tuning: the expected best of k trials, and intervals for few seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# How often what was measured is drawn anew, and how often an interval holds the truth.
DRAWS = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds between which the truth lies with 95 % confidence."""

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
    counted = enumerate(ranked[: n - k + 1], 1)
    return math.fsum(v * (math.comb(n - i, k - 1) / chosen) for i, v in counted)


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample, with n - 1."""
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1))


def bars(values: Sequence[float], seed: int = 0) -> dict[int, Interval]:
    """The expected best of k = 1, 2, 4, ... up to half of the values with its interval, by k.

    A bootstrap-t interval with the jackknife's standard error (Efron & Tibshirani 1993, "An
    Introduction to the Bootstrap", section 12.5): the error is drawn anew with the estimate, for
    one rests on the few best values as much as the other. Beyond half of the values no interval
    of this kind holds what it says. Infinite ones, as for three values, are left out.
    """
    if not all(map(math.isfinite, values)):
        return {}
    n = len(values)
    measured = np.sort(np.array(values, dtype=float))
    drawn = np.sort(np.random.default_rng(seed).choice(measured, (DRAWS, n)), axis=1)
    found = {2**i: _bar(measured, drawn, 2**i) for i in range((n // 2).bit_length())}
    return {k: bar for k, bar in found.items() if math.isfinite(bar.high - bar.low)}


def _bar(measured: Array, drawn: Array, k: int) -> Interval:
    """The expected best of k with its interval.

    Args:
        measured: the values, sorted.
        drawn: the values drawn anew, each row sorted.
        k: at most half of the values.
    """
    mean, error = expected_best(measured.tolist(), k), float(_error(measured, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (drawn @ _shares(len(measured), k) - mean) / _error(drawn, k)
    share = (1 - CONFIDENCE) / 2
    # Draws of one value over and over have no error: their ratio is infinite, or 0 / 0.
    ends = np.quantile(np.nan_to_num(ratios, nan=0.0, posinf=np.inf, neginf=-np.inf),
                       [share, 1 - share], method="inverted_cdf")  # fmt: skip
    below, above = (end * error if error else 0.0 for end in ends.tolist())
    return Interval(mean, mean - above, mean - below)


def _shares(n: int, k: int) -> Array:
    """How much each of n values, the lowest first, counts in the expected best of k."""
    chosen = math.comb(n, k)
    return np.array([math.comb(n - i, k - 1) / chosen for i in range(1, n + 1)])


def _error(ranked: Array, k: int) -> Array:
    """The jackknife's standard error of the expected best of k.

    Args:
        ranked: values along the last axis, sorted.
        k: below their number.
    """
    n = ranked.shape[-1]
    shares = _shares(n - 1, k)
    left, right = np.zeros_like(ranked), np.zeros_like(ranked)
    np.cumsum(ranked[..., :-1] * shares, axis=-1, out=left[..., 1:])
    np.cumsum((ranked[..., 1:] * shares)[..., ::-1], axis=-1, out=right[..., -2::-1])
    error: Array = np.sqrt((n - 1) * (left + right).var(axis=-1))
    # Values that are all one have none, but for rounding.
    return np.where(ranked[..., -1] > ranked[..., 0], error, 0.0)


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


def interval(values: Sequence[float], together: int = 1) -> Interval:
    """The mean of independent values with its interval by Student's t.

    It holds what it says for normal values, however few. A single value says nothing of its
    spread: its interval is infinite.

    Args:
        values: independent of each other.
        together: so many intervals hold the truth together, in 95 % of cases (Bonferroni).
    """
    from scipy.special import stdtrit

    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Interval(mean, -math.inf, math.inf)
    if min(values) == max(values):
        return Interval(mean, mean, mean)
    t = float(stdtrit(n - 1, 1 - (1 - CONFIDENCE) / 2 / together))
    half = t * deviation(values) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


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
