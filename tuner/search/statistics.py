"""Statistics of tuning: the expected best of k trials, and intervals for few seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# The number of bootstrap samples, and the confidence level of intervals.
DRAWS = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is in the interval, so that the sign is not significant."""
        return self.low <= 0 <= self.high


def expected_best(values: Sequence[float], k: int) -> float:
    """The mean, over all subsets of k of the values, of the lowest value.

    It is the unbiased estimate of the best of k trials (Tang et al. 2020, "Showing Your Work
    Doesn't Always Work"): the sum over i of the i-th lowest value times C(n - i, k - 1) / C(n, k).
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
    """The expected best of k = 1, 2, 4, ... up to half of the values, with its interval, by k.

    A bootstrap-t interval with the jackknife's standard error (Efron & Tibshirani 1993, "An
    Introduction to the Bootstrap", section 12.5): every bootstrap sample has its own error, because
    error and estimate both depend on the few best values. For k beyond half of the values, such
    intervals do not reach their confidence level. Infinite intervals, as for three values, are left
    out.
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
        drawn: bootstrap samples of the values, each row sorted.
        k: at most half of the values.
    """
    mean, error = expected_best(measured.tolist(), k), float(_error(measured, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (drawn @ _shares(len(measured), k) - mean) / _error(drawn, k)
    share = (1 - CONFIDENCE) / 2
    # A sample of one value only has no error: its ratio is infinite, or 0 / 0.
    ends = np.quantile(np.nan_to_num(ratios, nan=0.0, posinf=np.inf, neginf=-np.inf),
                       [share, 1 - share], method="inverted_cdf")  # fmt: skip
    below, above = (end * error if error else 0.0 for end in ends.tolist())
    return Interval(mean, mean - above, mean - below)


def _shares(n: int, k: int) -> Array:
    """The weight of each of n values, the lowest first, in the expected best of k."""
    chosen = math.comb(n, k)
    return np.array([math.comb(n - i, k - 1) / chosen for i in range(1, n + 1)])


def _error(ranked: Array, k: int) -> Array:
    """The jackknife's standard error of the expected best of k.

    Args:
        ranked: values along the last axis, sorted.
        k: less than the number of values.
    """
    n = ranked.shape[-1]
    shares = _shares(n - 1, k)
    left, right = np.zeros_like(ranked), np.zeros_like(ranked)
    np.cumsum(ranked[..., :-1] * shares, axis=-1, out=left[..., 1:])
    np.cumsum((ranked[..., 1:] * shares)[..., ::-1], axis=-1, out=right[..., -2::-1])
    error: Array = np.sqrt((n - 1) * (left + right).var(axis=-1))
    # Equal values have an error of 0, which rounding would change.
    return np.where(ranked[..., -1] > ranked[..., 0], error, 0.0)


def winners(values: Mapping[str, Sequence[float]], budgets: Sequence[int]) -> list[str]:
    """For each budget k, the name with the lowest expected best of k trials.

    Args:
        values: values of trials, by the name of what is compared; the first name wins ties.
        budgets: the values of k.

    Returns:
        A name for each budget.

    Raises:
        ValueError: a budget exceeds the number of values of some name.
    """
    fewest = min(map(len, values.values()))
    if max(budgets) > fewest:
        raise ValueError(f"{max(budgets)}: must be at most the number of trials, {fewest}")
    return [min(values, key=lambda name: expected_best(values[name], k)) for k in budgets]


def worth(final: float, start: float) -> float:
    """A trial's value for averages: its final value, but at most its start; its start if not
    finite.

    Otherwise the worst diverged trials would dominate a mean.
    """
    return min(final, start) if math.isfinite(final) else start


def interval(values: Sequence[float], together: int = 1) -> Interval:
    """The mean of independent values, with its interval by Student's t.

    For normal values the confidence level is exact, however few they are. A single value has an
    infinite interval.

    Args:
        values: independent values.
        together: the number of intervals that should all hold at once with 95 % confidence
            (Bonferroni).
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
    """Performance profiles (Dolan & More 2002) at given values of tau.

    For each solver: the share of the problems that it solves at no more than tau times the cost of
    the problem's best solver. A problem that no solver solves counts as unsolved for all.

    Args:
        costs: by solver, one number above zero per problem; infinity if the solver did not solve
            it.
        taus: each 1 or more.

    >>> profile({"a": [1, 2, 9], "b": [2, 2, 4]}, [1, 2, float("inf")])["b"]
    [0.6666666666666666, 1.0, 1.0]
    """
    return {
        name: [sum(r <= tau and math.isfinite(r) for r in own) / len(own) for tau in taus]
        for name, own in ratios_of(costs).items()
    }


def ratios_of(costs: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """For each solver, its cost on each problem divided by that of the problem's best solver."""
    best = [min(own) for own in zip(*costs.values(), strict=True)]
    return {
        name: [c / b if math.isfinite(c) else math.inf for c, b in zip(own, best, strict=True)]
        for name, own in costs.items()
    }
