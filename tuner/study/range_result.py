"""Types of a range test's results."""

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.codec import Settings
from tuner.training.ranges import Bracket

# None where a number is not finite.
Numbers = tuple[float | None, ...]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Ramp:
    """A ramp over the same rates, for comparison.

    Attributes:
        rates: one a step, rising.
        smoothed: the losses of each seed, up to the step at which they explode.
        rules: the rates that the classic rules suggest, by rule, one a seed.
    """

    rates: Numbers
    smoothed: tuple[Numbers, ...]
    rules: Mapping[str, Numbers]


@dataclass(frozen=True)
class Spread:
    """The lowest and the highest that the seeds give, each taken alone."""

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
        losses: by seed and rate, None where a run diverged.
        means: by rate, None where any run diverged.
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
    """The short runs of one optimizer; by itself, those of one that gained at no rate.

    Attributes:
        rates: ascending.
        initial: training losses before the first step, by seed.
        losses: training losses at the end, by seed and rate; None where a run diverged.
        slope: the change of their mean for a factor of ten, by rate.
        asked: the ends of the rates before they were widened.
        open: whether better rates may lie below and above them: losses did not turn up there.
        bracket: what the sweep says on the average over its seeds.
    """

    # Not a test, whatever its name begins with.
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
    """The short runs of an optimizer that gained, and what they and the longer ones found.

    Attributes:
        suggested: a rate, to three digits.
        range: the rates worth searching, to three digits.
    """

    bracket: Bracket
    spread: Spread
    confirmation: LongerRuns
    suggested: float
    range: Ends


@dataclass(frozen=True)
class RangeTest:
    """What a range test found: all that the seed determines of it.

    Attributes:
        study: its name.
        key: a digest of all that decides what a test finds.
        epochs: of the short runs.
        longer: epochs of the confirming ones.
        held: the searched settings beside the rates, at the values that all runs had.
        optimizers: by name.
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
    """What was tested, by the names of the config.

    Attributes:
        unit: what the loss is measured in, for axes.
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
        key: it alone has it.
        started_ms: milliseconds since 1970.
        tuner: the version.
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
    """A range test knows no more of a rate."""
    return float(f"{rate:.3g}")
