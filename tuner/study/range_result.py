"""Types of a range test's results."""

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.codec import Settings
from tuner.training.ranges import Bracket

# None stands for a number that is not finite.
Numbers = tuple[float | None, ...]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Ramp:
    """A ramp over the same rates, for comparison.

    Attributes:
        rates: one per step, rising.
        smoothed: the smoothed losses of each seed, up to the step at which they explode.
        rules: the rates that the classic rules suggest, by rule, one per seed.
    """

    rates: Numbers
    smoothed: tuple[Numbers, ...]
    rules: Mapping[str, Numbers]


@dataclass(frozen=True)
class Spread:
    """The lowest and the highest bracket numbers over the seeds, each seed taken alone."""

    low: Pair
    high: Pair
    suggested: Pair
    stable: Pair


@dataclass(frozen=True)
class LongerRuns:
    """Longer runs on fresh seeds, at the suggested rate and around it.

    Attributes:
        rates: ascending, the suggested one in the middle.
        measure: the name of the loss.
        losses: by seed and rate; None where a run diverged.
        means: by rate; None where any run diverged.
    """

    rates: tuple[float, float, float]
    measure: str
    losses: tuple[Numbers, ...]
    means: Numbers


@dataclass(frozen=True)
class Ends:
    """The ends of a range of rates."""

    low: float
    high: float


@dataclass(frozen=True)
class TestedRates:
    """The short runs of one optimizer; this class itself is used if it gained at no rate.

    Attributes:
        rates: ascending.
        initial: training losses before the first step, by seed.
        losses: training losses at the end, by seed and rate; None where a run diverged.
        slope: by rate, the change of the mean loss per factor of ten.
        asked: the lowest and the highest rate before widening.
        open: whether better rates may lie below, and above: the losses did not rise on that side.
        bracket: the result of the sweep on the average over its seeds.
    """

    # pytest would take the class for a test by its name.
    __test__ = False

    rates: tuple[float, ...]
    initial: Numbers
    losses: tuple[Numbers, ...]
    slope: Numbers
    asked: Ends
    open: tuple[bool, bool]
    ramp: Ramp
    bracket: Bracket | None


@dataclass(frozen=True)
class FoundRange(TestedRates):
    """The short runs of an optimizer that gained, and the range that they and longer runs found.

    Attributes:
        suggested: the suggested rate, to three digits.
        range: the rates worth searching, to three digits.
    """

    bracket: Bracket
    spread: Spread
    confirmation: LongerRuns
    suggested: float
    range: Ends


@dataclass(frozen=True)
class RangeTest:
    """The deterministic part of a range test's result.

    Attributes:
        study: the study's name.
        key: a digest of everything that determines the result.
        epochs: the length of the short runs.
        longer: the length of the confirming runs.
        held: the searched settings other than the rates, with their fixed values in all runs.
        optimizers: the results by optimizer.
    """

    study: str
    key: str
    epochs: int
    longer: int
    held: Settings
    optimizers: Mapping[str, FoundRange | TestedRates]

    @property
    def found(self) -> dict[str, FoundRange]:
        """The optimizers that gained at some rate."""
        return {name: own for name, own in self.optimizers.items() if isinstance(own, FoundRange)}


@dataclass(frozen=True)
class Subject:
    """What was tested, in the config's names.

    Attributes:
        unit: the unit of the loss, for axes.
    """

    model: str
    data: str
    schedule: str
    seed: int
    unit: str


@dataclass(frozen=True)
class RangeTestRun:
    """The command that made a test.

    Attributes:
        key: a unique key of the run.
        started_ms: milliseconds since 1970.
        tuner: tuner's version.
    """

    key: str
    started_ms: int
    seconds: float
    host: str
    threads: int
    tuner: str


@dataclass(frozen=True)
class SavedRangeTest:
    """What the file of a range test holds."""

    result: RangeTest
    subject: Subject
    run: RangeTestRun


def three_digits(rate: float) -> float:
    """A rate rounded to the precision of a range test."""
    return float(f"{rate:.3g}")
