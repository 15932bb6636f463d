"""Confirmation: settings that were trained on fresh seeds, ranked, and the simplest of equals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tuner.search.statistics import Interval, interval
from tuner.training import optimizers, schedules

# The sets of fresh seeds: those that choose the winner, and those that judge it.
CHOOSING, JUDGING = 2, 3

# Epochs are compared in so many parts of the training: an epoch more or less is noise.
PARTS = 10


@dataclass(frozen=True)
class Repeats:
    """What a trial's settings reached on fresh seeds; lower is better.

    believed: its value in the search, None if that was not finite; values: one a seed, None where
    it diverged, on the same seeds for all trials that are compared; curve: the mean over the seeds
    of what is minimised, one an epoch, empty if any diverged.
    """

    trial: int
    settings: Mapping[str, Any]
    believed: float | None
    values: Sequence[float | None]
    curve: Sequence[float]

    @property
    def known(self) -> list[float]:
        """The values of the seeds on which it did not diverge."""
        return [v for v in self.values if v is not None]

    @property
    def diverged(self) -> int:
        """On how many seeds it diverged."""
        return len(self.values) - len(self.known)

    @property
    def mean(self) -> float:
        """Infinity if it diverged on any seed."""
        return math.inf if self.diverged else interval(self.known).mean

    def over(self, other: "Repeats") -> Interval | None:
        """By how much it is worse than another, seed by seed; None if either diverged."""
        if self.diverged or other.diverged:
            return None
        pairs = zip(self.known, other.known, strict=True)
        return interval([own - others for own, others in pairs])


def fresh(seed: int, stream: int, count: int) -> list[int]:
    """Seeds of one of the sets, none in another one and none that of the study.

    The first ones are the same however many are asked for.
    """
    drawn = np.random.SeedSequence((seed, stream)).generate_state(2 * count + 2)
    # The last two bits tell the set.
    own = dict.fromkeys(int(number) // 4 * 4 + stream for number in drawn)
    return [s for s in own if s != seed][:count]


def ranked(repeats: Sequence[Repeats]) -> list[Repeats]:
    """The best mean first; those that diverged come last, ties in the order they were given."""
    return sorted(repeats, key=lambda r: (r.mean, r.diverged))


def equals(order: Sequence[Repeats]) -> list[Repeats]:
    """The best and those that the noise does not tell apart from it.

    These are the ones whose paired difference to the best has an interval that holds zero; order:
    as `ranked`.
    """
    best = order[0]
    differences = [(r, r.over(best)) for r in order[1:]]
    return [best, *(r for r, d in differences if d is not None and d.holds_zero)]


def needed(repeats: Repeats, level: float) -> int:
    """The first epoch at which the mean curve is at the level or below; the last if it never is."""
    at = np.flatnonzero(np.array(repeats.curve) <= level)
    return int(at[0]) + 1 if at.size else len(repeats.curve)


def numbers(settings: Mapping[str, Any]) -> tuple[int, int]:
    """How much there is to an optimizer and to a schedule: hyperparameters and slots of the rule.

    What has little to it is usual: gradient descent before momentum, momentum before Adam.
    """
    rule, schedule = optimizers.load(settings["optimizer"]), settings["schedule"]
    own = schedules.load(schedule).own if schedule in schedules.names() else settings
    return len(rule.own) + len(rule.slots), len(own)


def simplest(order: Sequence[Repeats]) -> tuple[Repeats, str]:
    """The simplest of those that are as good as the best, and why it is, in words.

    It is the one that comes within the interval of the best in the fewest tenths of the training,
    then the one whose optimizer, then whose schedule has least to it, then the better one.
    """
    alike, best = equals(order), order[0]
    level = math.inf if best.diverged else interval(best.known).high
    length = max(len(best.curve), 1)

    def key(r: Repeats) -> tuple[int, int, int]:
        return math.ceil(PARTS * needed(r, level) / length), *numbers(r.settings)

    chosen = min(alike, key=key)
    if chosen is best:
        return best, ""
    mine, theirs = key(chosen), key(best)
    if mine[0] < theirs[0]:
        epochs = (needed(r, level) for r in (chosen, best))
        return chosen, "it gets there in {} epochs, the other in {}".format(*epochs)
    group = "optimizer" if mine[1] < theirs[1] else "schedule"
    return chosen, "there is less to {} than to {}".format(
        *(r.settings[group] for r in (chosen, best))
    )


def told(repeats: Repeats, best: Repeats | None = None) -> dict[str, Any]:
    """A line of the record: the mean with its interval, and by how much it is worse than `best`."""
    mean = None if repeats.diverged else asdict(interval(repeats.known))
    worse = repeats.over(best) if best is not None else None
    return {
        "trial": repeats.trial,
        "optimizer": repeats.settings["optimizer"],
        "believed": repeats.believed,
        "values": list(repeats.values),
        "diverged": repeats.diverged,
        "mean": mean,
        "worse": worse and asdict(worse),
    }
