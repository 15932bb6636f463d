"""Loss curves: when a row must stop, and what its curve says about its learning rate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

Array = np.ndarray

# A run is stopped after this many evaluations in a row above its initial loss. On 1080 real runs
# this found the diverging ones and stopped almost none that would have become good.
PATIENCE = 5
# The noise of a curve is estimated from this many of its last losses.
WINDOW = 20
# A mean of PATIENCE losses has risen if it is this many standard deviations of the noise above the
# start; of a noise estimated from n differences, 1 + UNSURE / n times as many.
NOISE, UNSURE = 5.0, 8.0
# Upper quartile of the absolute second differences of independent normal losses, in their standard
# deviations. The quartile separates noise from a jump.
BEND = 2.818
# A mean rise over PATIENCE losses above this share of the start counts, whatever the noise.
HIGH = 0.25
# A run whose mean rise is below NEAR times its start is at chance level, unless it hardly moves:
# unless its noise is below STILL times the rise.
NEAR, STILL = 0.01, 0.01
# A rise that has shrunk to this share of its maximum is recovering.
FALLEN = 0.9
# A velocity has forgotten a step of which it keeps this share. Momentum is capped at MOST.
FORGOTTEN, MOST = 0.01, 0.99
LONG = 100
ROUNDING = 1e-6


@dataclass(frozen=True)
class Guard:
    """Watches training losses and finds the rows that have diverged.

    A row is stopped when its loss has been above the initial loss for PATIENCE evaluations, by more
    than noise, and is not recovering: the last of these losses is not the lowest, or its rise is
    not below FALLEN of the largest. Its last losses give the noise.

    Momentum also raises the loss of a stable run. On a quadratic, a heavy ball that starts at rest,
    at its limit of stability, gets (1 + b - 2 b^(t + 1)) / (1 - b) times as far from the minimum
    within t steps; below the limit, less far. So a row with momentum b is stopped only above the
    square of this factor times its initial loss, or once its velocity has forgotten its first step,
    or, if its loss is falling, after LONG times as long.

    start: initial losses (rows,), nan where unknown, until the first loss replaces it; momentum: b
    (rows,), 0 for a row without; steps: per epoch, each of which ends with an evaluation; epoch:
    evaluations so far; above: how many evaluations in a row, up to the last, were above the start,
    (rows,); last: the last losses (rows, WINDOW), nan where there are none yet.
    """

    start: Array
    momentum: Array
    steps: int
    epoch: int
    above: Array
    last: Array

    @classmethod
    def at(cls, start: Array, momentum: Array, steps: int) -> "Guard":
        """The guard before the first step."""
        rows = len(start)
        last = np.full((rows, WINDOW), np.nan)
        return cls(start, np.clip(momentum, 0.0, MOST), steps, 0, np.zeros(rows, int), last)

    def arrays(self) -> dict[str, Array]:
        """Its state: all fields as arrays, by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "Guard":
        """The guard with this state, as `arrays` returned it."""
        return cls(
            start=arrays["start"],
            momentum=arrays["momentum"],
            steps=int(arrays["steps"]),
            epoch=int(arrays["epoch"]),
            above=arrays["above"],
            last=arrays["last"],
        )

    def after(self, losses: Array) -> "Guard":
        """One evaluation later; a loss that is not finite counts as above the start."""
        start = np.where(np.isnan(self.start), losses, self.start)
        above = np.where(losses <= start, 0, self.above + 1)
        last = np.column_stack([self.last[:, 1:], np.where(np.isnan(losses), np.inf, losses)])
        return replace(self, start=start, epoch=self.epoch + 1, above=above, last=last)

    def take(self, keep: list[int]) -> "Guard":
        """The guard of these rows only."""
        own = ("start", "momentum", "above", "last")
        return replace(self, **{name: getattr(self, name)[keep] for name in own})

    @property
    def recent(self) -> Array:
        """The last PATIENCE losses, (rows, PATIENCE)."""
        return self.last[:, -PATIENCE:]

    @property
    def memory(self) -> Array:
        """Whole epochs until a velocity has forgotten its first step."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(FORGOTTEN) / np.log(self.momentum) // self.steps)

    @property
    def excused(self) -> Array:
        """Rows whose rise momentum alone may explain."""
        b, t = self.momentum, self.epoch * self.steps
        reach = (1 + b - 2 * b ** (t + 1)) / (1 - b) * (1 + ROUNDING)
        allowed = self.start + (reach**2 - 1) * np.abs(self.start)
        falls = (self.above >= PATIENCE) & self.lowest
        patience = PATIENCE + np.where(falls, LONG, 1) * self.memory
        return np.asarray((np.fmax.reduce(self.recent, 1) <= allowed) & (self.above < patience))

    @property
    def lowest(self) -> Array:
        """Rows whose last loss is below the PATIENCE - 1 losses before it."""
        return np.asarray(self.recent[:, -1] < np.fmin.reduce(self.recent[:, :-1], 1))

    @property
    def risen(self) -> Array:
        """Rows whose last losses are above their start by more than noise."""
        size, known = np.abs(self.start), np.minimum(self.above, PATIENCE)
        with np.errstate(all="ignore"):
            own = np.arange(PATIENCE, 0, -1) <= known[:, None]
            rise = np.where(own, self.recent - self.start[:, None], 0).sum(1) / known
            bends = np.sort(np.abs(np.diff(self.last, 2)), 1)
            told = np.sum(~np.isnan(bends), 1)
            quartile = bends[np.arange(len(size)), np.maximum(told - told // 4 - 1, 0)]
            noise = np.where(told > 0, quartile / BEND, np.inf)
            high = HIGH * np.sqrt(PATIENCE / known) * size
            beyond = (rise > high) | (rise > NOISE * (1 + UNSURE / told) * noise)
            chance = (rise < NEAR * size) & (noise > STILL * rise)
        return np.asarray(beyond & ~chance & (rise > ROUNDING * size))

    @property
    def lost(self) -> Array:
        """Rows above their start that are neither excused by momentum nor recovering."""
        up = self.recent - self.start[:, None]
        with np.errstate(invalid="ignore"):
            back = (self.above >= PATIENCE) & self.lowest & (up[:, -1] < FALLEN * up.max(axis=1))
        return np.asarray(self.risen & ~self.excused & ~back)

    @property
    def leaves(self) -> Array:
        """Rows that must stop now."""
        return np.asarray((self.above >= PATIENCE) & self.lost)


@dataclass(frozen=True)
class Curve:
    """The curves of a run: losses (epochs + 1,), the initial loss first; the others (epochs,).

    An empty array means unknown. learning_rate: at the end of each epoch; gradient_norm: mean
    length of the gradients of an epoch; update_ratio: length of an epoch's last update over the
    length of the parameters; steps: per epoch; has_rate: whether there is a learning rate that
    advice can mention.
    """

    train: Array
    validation: Array = field(default_factory=lambda: np.empty(0))
    learning_rate: Array = field(default_factory=lambda: np.empty(0))
    gradient_norm: Array = field(default_factory=lambda: np.empty(0))
    update_ratio: Array = field(default_factory=lambda: np.empty(0))
    steps: int = 1
    has_rate: bool = True

    @property
    def epochs(self) -> int:
        """Number of epochs trained; the first loss is the one before them."""
        return len(self.train) - 1

    @property
    def progress(self) -> Array:
        """The share of the sum of all learning rates that is reached at each loss, (epochs + 1,).

        A schedule that ends at zero flattens every curve over time, but not over this share.
        """
        rates = self.learning_rate
        if len(rates) != self.epochs or not np.sum(rates) > 0:
            rates = np.ones(max(1, self.epochs))
        return np.asarray(
            np.concatenate([[0.0], np.cumsum(rates)])[: len(self.train)] / rates.sum()
        )

    @property
    def turn(self) -> int:
        """Index of the loss at which the last quarter of the progress begins."""
        return int(np.flatnonzero(self.progress <= 1 - QUARTER + ROUNDING)[-1])

    @property
    def path(self) -> float:
        """Sum of the lengths of all steps, in lengths of the parameters; infinity if unknown."""
        return float(np.sum(self.update_ratio)) * self.steps if len(self.update_ratio) else np.inf

    @property
    def gained(self) -> float:
        """How far the lowest training loss is below the initial one."""
        return float(self.train[0] - np.min(self.train))

    @property
    def late(self) -> float:
        """How far the loss fell within the last quarter of the progress."""
        last = self.train[self.turn :]
        return float(last[0] - last.min())


@dataclass(frozen=True)
class Diagnosis:
    """What a curve looks like, the numbers that say so, and what to do about it."""

    label: str
    evidence: str
    advice: str


QUARTER = 0.25
# Steps are too short if all of them together are below this share of the parameters' length.
SHORT = 0.1
# A curve has settled if its last quarter brought at most this share of the whole gain.
SETTLED = 0.01
# A step longer than this share of the parameters' length jumps across the minimum.
LEAP = 0.5
# Rises that undo this share of the falls in the last half of a curve are oscillation, not noise,
BOUNCE = 0.5
# if the median loss of the last quarter is below that of the third by less than this share of them.
TREND = 0.25
# A validation loss has risen if it is this share above its minimum.
RISEN = 0.1
# A settled run still moves if rate and gradient are above this share of their largest values.
MOVING = 0.1
# Advice where there is no learning rate to lower.
GENTLER = "try settings that make smaller steps"
# The largest factor that advice names: one run is not enough evidence for more.
FURTHEST = 10.0
# The words of advice. OR joins alternatives, of which that on the learning rate comes first.
OR, RAISE, LOWER = " or ", "raise the learning rate", "lower the learning rate"
DECAY, NONE, STOP = "decay", "none needed", ", or stop at epoch "


def diagnose(curve: Curve, diverged: str = "") -> Diagnosis:
    """One label for a run, with its evidence and a line of advice.

    diverged: how and when the run diverged; "" if it was not stopped, so that the curve decides.

    - diverged: it was stopped as diverged, or its losses are not finite
    - oscillating: it has not settled, and rises undo most of the progress, steps jump across the
      minimum, or the loss was once far above its start
    - overfitting: the validation loss has risen since its minimum while the training loss fell
    - plateau: the loss stands still although rate and gradients are large, or has never moved
    - converged: the loss stands still
    - slow: none of these, the loss still falls; or the steps are too short to get anywhere
    """
    if diverged or not np.isfinite(curve.train).all():
        return _diverged(curve, diverged or "losses are not finite")
    if curve.path < SHORT:
        return _short(curve)
    gained, late = curve.gained, curve.late
    settled = late <= SETTLED * gained and curve.train[-1] - curve.train.min() <= SETTLED * gained
    if not (settled and gained > 0) and (found := _oscillation(curve)):
        return found
    if found := overfitting(curve):
        return found
    if settled or late <= SETTLED * gained:
        return _still(curve)
    return _slow(curve)


def _diverged(curve: Curve, how: str) -> Diagnosis:
    factor = FURTHEST
    if curve.epochs >= 2 and np.isfinite(curve.train[-2:]).all() and curve.train[-2] > 0:
        factor = 1 + _shrinkage(curve.train[-2:], curve.steps)
    lower = f"{LOWER} {_times(max(2.0, factor))}"
    return Diagnosis("diverged", how, lower if curve.has_rate else GENTLER)


def _short(curve: Curve) -> Diagnosis:
    moved = f"the total length of all steps is {curve.path:.2g} times that of the parameters"
    return Diagnosis(
        "slow", moved, RAISE if curve.has_rate else "try settings that make larger steps"
    )


def _oscillation(curve: Curve) -> Diagnosis | None:
    half = curve.train[len(curve.train) // 2 :]
    moves = np.diff(half)
    back, forth = float(moves[moves > 0].sum()), float(-moves[moves < 0].sum())
    undone = back / forth if forth > 0 else float(back > 0)
    ratios = curve.update_ratio[curve.turn :]
    ratio = float(np.median(ratios)) if len(ratios) else 0.0
    # Noise on a falling loss undoes much, too; a loss that oscillates makes no progress.
    middle = len(half) // 2
    progress = float(np.median(half[:middle]) - np.median(half[middle:])) if middle else 0.0
    swings = undone > BOUNCE and SETTLED * curve.gained < back and progress < back * TREND
    top, start = float(curve.train.max()), float(curve.train[0])
    thrown = top - start > HIGH * abs(start)
    if not swings and not thrown and ratio <= LEAP:
        return None
    evidence = f"steps back undid {undone:.0%} of the late progress"
    if thrown:
        evidence = f"the loss rose from {start:.4g} to {top:.4g} before it fell"
    if len(ratios):
        evidence += f", a step moves {ratio:.2g} of the parameters' length"
    last = curve.train[curve.turn :]
    factor = 1 + min(1.0, _shrinkage(last, curve.steps * (len(last) - 1)))
    advice = f"{LOWER} {_times(factor)}{OR}let it {DECAY} further"
    return Diagnosis("oscillating", evidence, advice if curve.has_rate else GENTLER)


def _shrinkage(losses: Array, steps: int) -> float:
    """The factor by which each of the steps multiplied a quadratic's distance from its minimum.

    Gradient descent multiplies it by |1 - rate * curvature|. If that is f because the rate is too
    high, a rate lower by the factor 1 + f is the reciprocal of the curvature: the best one.
    """
    if not losses[0] > 0 or not losses[-1] > 0:
        return 1.0
    return math.exp((math.log(losses[-1]) - math.log(losses[0])) / (2 * steps))


def overfitting(curve: Curve) -> Diagnosis | None:
    """Whether the validation loss has risen since its minimum while the training loss fell.

    Returns:
        None if it has not, or if the validation loss is unknown.
    """
    losses = curve.validation
    if len(losses) != len(curve.train) or not np.isfinite(losses).all():
        return None
    lowest = int(np.argmin(losses))
    least, end = float(losses[lowest]), float(np.median(losses[curve.turn :]))
    trained = float(np.median(curve.train[curve.turn :]))
    learnt = curve.train[0] - trained > RISEN * abs(curve.train[0])
    risen = end - least > max(RISEN * abs(least), SETTLED * curve.gained)
    if lowest >= curve.turn or not (risen and learnt) or trained >= curve.train[lowest]:
        return None
    evidence = (
        f"the validation loss rose from its minimum {least:.4g} at epoch {lowest} to {end:.4g} "
        f"while the training loss fell to {trained:.4g}"
    )
    return Diagnosis("overfitting", evidence, f"regularise{STOP}{lowest}")


def _still(curve: Curve) -> Diagnosis:
    """A loss that stands still: converged, limited by the noise of its steps, or never moved."""
    share = curve.late / curve.gained if curve.gained > 0 else 0.0
    evidence = f"the last quarter brought {share:.1%} of the gain"
    if curve.epochs and curve.gained <= SETTLED * abs(curve.train[0]):
        evidence = f"{curve.epochs} epochs brought {curve.gained / abs(curve.train[0] or 1):.1%}"
        advice = "try learning rates far above and below, or another initialisation"
        return Diagnosis("plateau", evidence, advice if curve.has_rate else "try other settings")
    above = float(curve.train[-1] - curve.train.min())
    if above > SETTLED * curve.gained:
        evidence += f", {above / curve.gained:.1%} of the gain was lost again"
        lower = f"{LOWER}{OR}let it {DECAY}"
        return Diagnosis("plateau", evidence, lower if curve.has_rate else GENTLER)
    gradient = _end(curve.gradient_norm, curve)
    rate = curve.learning_rate[-1] / curve.learning_rate.max() if len(curve.learning_rate) else 0.0
    if min(rate, gradient) > MOVING:
        evidence += f", the gradients still have {gradient:.0%} of their largest length"
        return Diagnosis("plateau", evidence, f"let the learning rate {DECAY}")
    return Diagnosis("converged", evidence, NONE)


def _end(values: Array, curve: Curve) -> float:
    """The last quarter's mean as a share of the largest value; 0 if unknown."""
    largest = float(np.max(values, initial=0.0))
    return float(np.mean(values[curve.turn :])) / largest if largest > 0 else 0.0


def _slow(curve: Curve) -> Diagnosis:
    """How much longer to train, if the gain shrinks by a constant factor per epoch."""
    share = curve.late / curve.gained if curve.gained > 0 else 0.0
    evidence = f"the last quarter still brought {share:.1%} of the gain"
    late = float(1 - curve.progress[curve.turn])
    shrinks = _shrinks(share, late * max(curve.epochs, 1), max(curve.epochs, 1))
    epochs = math.log(SETTLED) / ((1 - late) * math.log(shrinks)) if shrinks < 1 else math.inf
    longer = f"train longer, {_times(max(1.1, epochs / max(curve.epochs, 1)))}"
    if curve.has_rate:
        longer = f"{RAISE}{OR}{longer}"
    return Diagnosis("slow", evidence, longer)


def _shrinks(share: float, late: float, epochs: int) -> float:
    """The factor from one epoch's gain to the next, if the last `late` epochs bring this share."""
    if share >= late / epochs:
        return 1.0
    low, high = 1e-9, 1 - 1e-9
    for _ in range(60):
        r = (low + high) / 2
        less = r ** (epochs - late) * (1 - r**late) < share * (1 - r**epochs)
        low, high = (r, high) if less else (low, r)
    return high


def _times(factor: float) -> str:
    return f"at least {FURTHEST:g} times" if factor >= FURTHEST else f"about {factor:.2g} times"
