"""How often intervals hold the truth, and how often equal settings are told apart: simulations.

The seeds' noise is normal; normal with spreads from 1 to 6, one per setting; or lognormal with
sigma 1, which is skewed. Intervals and decisions come from tuner's own code.

    python benchmarks/coverage.py [--quick] [--json]
"""

import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _measure import Target, arguments, finish

from tuner.search.statistics import bars, interval
from tuner.study.confirmation import Repeats, by_mean, equals

Array = np.ndarray

STUDIES, QUICK_STUDIES = 4000, 300
# Fewer, since a bar is an interval by resampling, which takes milliseconds.
CURVES, QUICK_CURVES = 1000, 100
SEEDS = (3, 5, 10, 20, 50)
SETTINGS = (2, 3, 5, 10)
TRIALS = (8, 16, 32)
# The number of values whose expected minimum is taken as the truth.
MANY = 200_000
# By how many standard deviations of the seeds' noise a setting is worse that should be found.
WORSE = 3.0

RNG = np.random.default_rng(0)


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape)


def lognormal(*shape: int) -> Array:
    return np.exp(RNG.normal(size=shape)) - math.exp(0.5)


def unequal(studies: int, settings: int, seeds: int) -> Array:
    return normal(studies, settings, seeds) * np.geomspace(1, 6, settings)[:, None]


def losses(*shape: int) -> Array:
    """Losses of random learning rates over four decades, the best in the middle, with noise."""
    return 0.1 + 0.3 * RNG.uniform(-2, 2, shape) ** 2 + 0.01 * RNG.normal(size=shape)


NOISES: dict[str, Callable[..., Array]] = {
    "normal": normal,
    "unequal": unequal,
    "lognormal": lognormal,
}
VALUES: dict[str, Callable[..., Array]] = {
    "uniform": lambda *shape: RNG.random(shape),
    "normal": normal,
    "lognormal": lognormal,
    "losses": losses,
}


def of_means(studies: int) -> dict[str, dict[int, float]]:
    """How often the interval of a mean contains it, by noise and number of seeds."""
    return {
        name: {n: held(draw(studies, n)) for n in SEEDS}
        for name, draw in NOISES.items()
        if name != "unequal"
    }


def held(samples: Array) -> float:
    """How often the interval of samples (studies, seeds) contains zero, their true mean."""
    return float(np.mean([interval(values).holds_zero for values in samples.tolist()]))


def alike(values: Array) -> set[int]:
    """The settings of a study (settings, seeds) that the noise does not separate from the best."""
    repeats = [Repeats(i, {}, None, own, ()) for i, own in enumerate(values.tolist())]
    return {r.trial for r in equals(by_mean(repeats))}


def of_equals(studies: int) -> dict[str, dict[int, dict[int, float]]]:
    """How often one of several equal settings is called worse, by noise, settings and seeds."""
    return {
        name: {
            k: {n: float(np.mean([len(alike(v)) < k for v in draw(studies, k, n)])) for n in SEEDS}
            for k in SETTINGS
        }
        for name, draw in NOISES.items()
    }


def of_worse(studies: int) -> dict[int, dict[int, float]]:
    """How often the one worse setting is called worse, by settings and seeds."""
    found: dict[int, dict[int, float]] = {}
    for k in SETTINGS:
        worse = np.where(np.arange(k) == 0, WORSE, 0.0)[:, None]
        found[k] = {
            n: float(np.mean([0 not in alike(v + worse) for v in normal(studies, k, n)]))
            for n in SEEDS
        }
    return found


def of_bars(curves: int) -> dict[str, dict[int, dict[int, float]]]:
    """How often a bar contains the expected best of k, by values, trials and k."""
    found: dict[str, dict[int, dict[int, float]]] = {}
    for name, draw in VALUES.items():
        ranked = np.sort(draw(MANY))
        found[name] = {}
        for n in TRIALS:
            own = [bars(values) for values in draw(curves, n).tolist()]
            truths = {k: lowest(ranked, k) for k in own[0]}
            found[name][n] = {
                k: float(np.mean([b[k].low <= truth <= b[k].high for b in own]))
                for k, truth in truths.items()
            }
    return found


def lowest(ranked: Array, k: int) -> float:
    """The expected minimum of k draws, with replacement, from sorted values."""
    left = 1 - np.arange(len(ranked) + 1) / len(ranked)
    return float(-np.diff(left**k) @ ranked)


def targets(report: dict[str, Any]) -> list[Target]:
    means = report["means"]["normal"].values()
    apart = [
        statistics.fmean(own.values())
        for name in ("normal", "unequal")
        for own in report["equals"][name].values()
    ]
    bars = [share for own in report["bars"].values() for k in own.values() for share in k.values()]
    return [
        Target("means of normal values: the lowest coverage", 0.93, min(means), ""),
        Target("means of normal values: the highest coverage", 0.97, max(means), "", at_most=True),
        Target(
            "one of equals called worse, mean over numbers of seeds",
            0.05,
            max(apart),
            "",
            at_most=True,
        ),
        Target("bars of the expected best: the lowest coverage", 0.87, min(bars), ""),
    ]


def row(name: object, shares: dict[int, float]) -> str:
    return f"    {name!s:<22}" + "".join(f"{share:8.3f}" for share in shares.values())


def show(report: dict[str, Any]) -> None:
    seeds = "".join(f"{n:8d}" for n in SEEDS)
    print(f"seeds{seeds:>61}\nthe interval holds the mean")
    for name, own in report["means"].items():
        print(row(name, own))
    for name, by_settings in report["equals"].items():
        print(f"one of equal settings is called worse, {name} noise")
        for k, own in by_settings.items():
            print(row(f"{k} settings", own))
    print(f"the one setting that is worse by {WORSE:g} deviations is called so, normal noise")
    for k, own in report["worse"].items():
        print(row(f"{k} settings", own))
    print("the bar holds the expected best of k = 1, 2, 4, ...")
    for name, by_trials in report["bars"].items():
        for n, own in by_trials.items():
            print(row(f"{name}, {n} trials", own))


def main() -> int:
    given = arguments(__doc__).parse_args()
    studies, curves = (QUICK_STUDIES, QUICK_CURVES) if given.quick else (STUDIES, CURVES)
    report = {
        "means": of_means(studies),
        "equals": of_equals(studies),
        "worse": of_worse(studies),
        "bars": of_bars(curves),
    }
    return finish(given, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
