"""Types of a comparison's results.

A branch is an option of a group (an optimizer, a schedule or a model) or one choice of a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.results import Repeated

# The groups whose options are compared.
GROUPS = ("optimizer", "schedule", "model")


def plural(by: str) -> str:
    """What is compared, in words: "optimizers", "values of train.width"."""
    return f"{by}s" if by in GROUPS else f"values of {by}"


@dataclass(frozen=True)
class Basin:
    """The width of a branch's good learning rates.

    Attributes:
        decades: the share of good trials among the drawn ones, times the decades of their range,
            which the sampler fills evenly.
        low, high: the lowest and the highest good rate. Not every trial between them is good,
            because the other settings vary too.
    """

    decades: float
    low: float
    high: float


@dataclass(frozen=True)
class BranchResult:
    """The result of a branch.

    Attributes:
        trials: the number of ended trials that the sampler drew, including pruned and diverged
            ones.
        tuned: its best trial on fresh seeds, with how much worse it is than the best of all
            branches; None if no trial trained to the end.
        alike: whether it is the best branch, or differs from the best by no more than noise.
        default: the textbook settings on the same seeds, with how much worse they are.
        to_target: epochs until the mean over the seeds reaches the target, None if it never does.
        basin: None if no range of rates is searched, or no trial gains anything.
        scores: the last validation metrics, besides the loss, of its best trial in the search.
    """

    trials: int
    pruned: int
    diverged: int
    tuned: Repeated | None
    alike: bool
    default: Repeated | None
    to_target: int | None
    basin: Basin | None
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """The branches of a study on one data set.

    Attributes:
        study: the study's name.
        epochs: the length of a trial.
        seeds: the number of fresh seeds on which a trial is trained again; 0 if nothing depends on
            seeds.
        target: the level to reach, on the goal's curve.
        curves: the expected best of k = 1, 2, ... trials, by branch; lower is better.
        bars: the intervals of these curves at k = 1, 2, 4, ... up to half of the trials, by branch
            and k.
        budgets: numbers of trials, 1, 2, 4, ...
        winners: for each budget, the branch with the lowest expected best.
        branches: the results by branch.
        stopped: why the study ended before its number of trials; None if it has all of them.
        seconds: the measured share of a trial in the time of an epoch, by branch.
    """

    study: str
    epochs: int
    seeds: int
    goal: Goal
    target: float
    curves: Mapping[str, tuple[float, ...]]
    bars: Mapping[str, Mapping[int, Interval]]
    budgets: tuple[int, ...]
    winners: tuple[str, ...]
    branches: Mapping[str, BranchResult]
    stopped: str | None
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Profiles:
    """How soon branches reach the targets of several data sets (`statistics.profile`).

    Attributes:
        data: the names of the data sets.
        shares: by branch, the shares of data sets on which it is the fastest, takes at most twice
            the epochs of the fastest, and reaches the target at all.
        ratios: epochs to the target divided by those of the fastest, by branch and data set; None
            where it never reaches the target.
    """

    data: tuple[str, ...]
    shares: Mapping[str, tuple[float, ...]]
    ratios: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class Comparisons:
    """The comparison on each data set and over all of them.

    Attributes:
        by: the compared group or setting.
        data: the comparisons by data set.
        profiles: None if there is only one data set.
    """

    by: str
    data: Mapping[str, Comparison]
    profiles: Profiles | None
