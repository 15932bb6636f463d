"""Types of a comparison's results.

A branch is an option of a group: an optimizer, a schedule or a model. Of a setting with choices it
is one of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.results import Repeated

# The groups whose options are compared.
GROUPS = ("optimizer", "schedule", "model")


def plural(by: str) -> str:
    """What is compared, in words: optimizers, values of train.width."""
    return f"{by}s" if by in GROUPS else f"values of {by}"


@dataclass(frozen=True)
class Basin:
    """How wide the good learning rates of a branch lie.

    Attributes:
        decades: the share of the drawn trials that are good, times the decades of the range that
            they were drawn from, which a sampler fills evenly.
        low, high: the lowest and the highest good rate; the other settings are drawn as well, so
            not all between are good.
    """

    decades: float
    low: float
    high: float


@dataclass(frozen=True)
class BranchResult:
    """What a branch reached.

    Attributes:
        trials: that a sampler drew there and that ended, pruned and diverged ones among them.
        tuned: its best on fresh seeds, with how much worse it is than the best of all branches;
            None where no trial trained to the end.
        alike: whether the noise does not tell it apart from the best branch, or it is the best.
        default: the textbook settings on the same seeds, with how much worse they are.
        to_target: epochs until the mean over the seeds reaches the target, None if it never does.
        basin: None where no range of rates is searched, or none gains anything.
        scores: of its best in the search: the last validation metrics beside the loss.
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
        study: its name.
        epochs: of a trial.
        seeds: fresh ones for each trial that is trained again; 0 where nothing depends on seeds.
        target: what is to be reached, a number of the goal's curve.
        curves: the expected best of k = 1, 2, ... trials, by branch; lower is better.
        bars: its intervals at k = 1, 2, 4, ... up to half of the trials, by branch and k.
        budgets: numbers of trials, 1, 2, 4, ...
        winners: the branch whose expected best is lowest, by budget.
        branches: by name.
        stopped: why the study ended before it had its trials; None if it has them.
        seconds: a trial's share of the time of an epoch, by branch, measured.
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
        shares: of the data sets, by branch: where it is the fastest, takes at most twice as many
            epochs as the fastest, gets there at all.
        ratios: epochs to the target over those of the fastest, by branch and data set; None where
            it never gets there.
    """

    data: tuple[str, ...]
    shares: Mapping[str, tuple[float, ...]]
    ratios: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class Comparisons:
    """What is compared, on each data set and over all of them.

    Attributes:
        by: the group, or the setting.
        data: by the name of the data set.
        profiles: None where there is one data set.
    """

    by: str
    data: Mapping[str, Comparison]
    profiles: Profiles | None
