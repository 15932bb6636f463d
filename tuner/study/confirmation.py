"""Confirmation: the best trials trained again on fresh seeds; the simplest of equals wins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tuner.codec import Settings
from tuner.search.statistics import Interval, deviation, interval
from tuner.search.trials import Outcome, Trial, TrialResult, optimizer_of, rounded
from tuner.study.checkpoints import Checkpoints
from tuner.study.events import Confirmed, Listener, StageBegan, nobody
from tuner.study.results import Confirmation, ConfirmedDefault, ConfirmedTrial, Repeated
from tuner.study.study import Study
from tuner.study.training import Training, trained
from tuner.training import optimizers, schedules
from tuner.training.families import FAMILIES

# The sets of fresh seeds: those that choose the winner, and those that judge it.
CHOOSING, JUDGING = 2, 3
WORDS = {CHOOSING: "fresh", JUDGING: "other fresh"}

# Epochs are compared in so many parts of the training: an epoch more or less is noise.
PARTS = 10

# What a record keeps of a trial on fresh seeds: the last `values`, the mean `curve`, the places of
# the seeds on which it FAILED, if any, and the last numbers of each curve that a test part gave.
FAILED, TEST = "failed", "test_"
Kept = dict[str, list[float | None]]


@dataclass(frozen=True)
class Repeats:
    """What a trial's settings reached on fresh seeds; lower is better.

    Attributes:
        believed: its value in the search, None if that was not finite.
        values: one a seed, None where it diverged or failed, on the same seeds for all trials that
            are compared.
        curve: the mean over the seeds of what is minimised, one an epoch, empty if any is None.
        failed: on how many seeds it failed.
        test: by name, one number a seed, what the test part said of those that have all a value.
    """

    trial: int
    settings: Settings
    believed: float | None
    values: Sequence[float | None]
    curve: Sequence[float]
    failed: int = 0
    test: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def known(self) -> list[float]:
        """The values of the seeds on which it trained to the end."""
        return [v for v in self.values if v is not None]

    @property
    def lost(self) -> int:
        """On how many seeds it diverged or failed."""
        return len(self.values) - len(self.known)

    @property
    def mean(self) -> float:
        """Infinity if it is lost on any seed."""
        return math.inf if self.lost else interval(self.known).mean

    def over(self, other: "Repeats", together: int = 1) -> Interval | None:
        """By how much it is worse than another, seed by seed; None if either is lost on any.

        Args:
            other: on the same seeds.
            together: how many such intervals hold together.
        """
        if self.lost or other.lost:
            return None
        pairs = zip(self.known, other.known, strict=True)
        return interval([own - others for own, others in pairs], together)

    def fields(self, worse: Interval | None = None) -> dict[str, Any]:
        """The fields of `Repeated`: the mean, and by how much it is worse than another."""
        return {
            "trial": self.trial,
            "optimizer": optimizer_of(self.settings),
            "believed": self.believed,
            "values": tuple(self.values),
            "diverged": self.lost - self.failed,
            "failed": self.failed,
            "mean": None if self.lost else interval(self.known),
            "worse": worse,
        }


def fresh(seed: int, stream: int, count: int) -> list[int]:
    """Seeds of one of the sets, none in another one and none that of the study.

    The first ones are the same however many are asked for.
    """
    drawn = np.random.SeedSequence((seed, stream)).generate_state(2 * count + 2)
    # The last two bits tell the set.
    own = dict.fromkeys(int(number) // 4 * 4 + stream for number in drawn)
    return [s for s in own if s != seed][:count]


def by_mean(repeats: Sequence[Repeats]) -> list[Repeats]:
    """The best mean first; those that are lost on seeds last, ties in the order they were given."""
    return sorted(repeats, key=lambda r: (r.mean, r.lost))


def over_best(order: Sequence[Repeats]) -> dict[int, Interval | None]:
    """By how much each is worse than the best, by trial, as `Repeats.over`.

    The best is the one that came out best, by its luck too. So the intervals are those of all
    pairs, of which any might be looked at: among equals, one is called worse than the best in at
    most 5 % of cases, whatever their spreads and what they share.

    Args:
        order: as `by_mean`.
    """
    pairs = math.comb(sum(not r.lost for r in order), 2)
    return {r.trial: r.over(order[0], pairs) for r in order[1:]}


def equals(order: Sequence[Repeats]) -> list[Repeats]:
    """The best and those that the noise does not tell apart from it (`over_best`).

    Args:
        order: as `by_mean`.
    """
    worse = over_best(order)
    return [order[0], *(r for r in order[1:] if (d := worse[r.trial]) and d.holds_zero)]


def needed(repeats: Repeats, level: float) -> int:
    """The first epoch at which the mean curve is at the level or below; the last if it never is."""
    at = np.flatnonzero(np.array(repeats.curve) <= level)
    return int(at[0]) + 1 if at.size else len(repeats.curve)


def complexity(settings: Settings) -> tuple[int, int]:
    """How much there is to an optimizer and to a schedule: hyperparameters and slots of the rule.

    What has little to it is usual: gradient descent before momentum, momentum before Adam. What
    is not there counts nothing.
    """
    optimizer, schedule = settings.get("optimizer"), settings.get("schedule")
    rule = optimizers.load(optimizer) if optimizer in optimizers.names() else None
    own = settings if schedule == schedules.PARTS else {}
    if schedule in schedules.names():
        own = schedules.load(schedule).own
    return len(rule.own) + len(rule.slots) if rule else 0, len(own)


def is_linear(settings: Settings) -> bool:
    """Whether the model has no hidden layer and no product of features; so has what is no model."""
    family = FAMILIES.get(str(settings.get("model")))
    if family is None or family.own:
        return True
    path = f"model.{settings['model']}.hidden"
    return "hidden" in family.shape and not settings.get(path) and f"{path}.0" not in settings


def as_good(order: Sequence[Repeats]) -> list[Repeats]:
    """The equals of the best whose mean lies within one deviation of the best one's seeds.

    With few seeds the noise tells hardly anything apart. What lies further off than one training of
    the best from the next is not chosen for being simple.

    Args:
        order: as `by_mean`.
    """
    best = order[0]
    level = best.mean + deviation(best.known) if len(best.known) > 1 else math.inf
    return [r for r in equals(order) if r.mean <= level]


def simplest(order: Sequence[Repeats]) -> tuple[Repeats, str]:
    """The simplest of those that are as good as the best (`as_good`), and why it is, in words.

    A linear model comes before any network. Among several, and without one, it is the one that
    comes within the interval of the best in the fewest tenths of the training, then the one whose
    optimizer, then whose schedule has least to it, then the better one.
    """
    alike, best = as_good(order), order[0]
    linear = [r for r in alike if is_linear(r.settings)]
    alike = linear or alike
    level = math.inf if best.lost else interval(best.known).high
    length = max(1, *(len(r.curve) for r in alike))

    def key(r: Repeats) -> tuple[int, int, int]:
        return math.ceil(PARTS * needed(r, level) / length), *complexity(r.settings)

    chosen = min(alike, key=key)
    if chosen is best:
        return best, ""
    if linear and not is_linear(best.settings):
        return chosen, "its model is linear, the other's is not"
    mine, theirs = key(chosen), key(best)
    if mine[0] < theirs[0]:
        epochs = (needed(r, level) for r in (chosen, best))
        return chosen, "it gets there in {} epochs, the other needs {}".format(*epochs)
    group = "optimizer" if mine[1] < theirs[1] else "schedule"
    return chosen, "{} is simpler than {}".format(
        *(r.settings.get(group, "nothing") for r in (chosen, best))
    )


class Repeating:
    """Repeats of a study's trials on fresh seeds; what was measured once the record keeps.

    Args:
        study: whose trials are repeated.
        training: makes the runners.
        seed: of the study.
        checkpoints: keep what is under way.
    """

    def __init__(
        self,
        study: Study,
        training: Training,
        seed: int,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.study, self.training, self.seed = study, training, seed
        self.checkpoints = checkpoints
        # The winner of the last confirmation on the seeds that judge it.
        self.judged: Repeats | None = None

    def repeats(
        self, trials: Sequence[TrialResult], stream: int, count: int, tell: Listener = nobody
    ) -> list[Repeats]:
        """The trials on so many seeds of a set, all trained together.

        Each is trained to the epoch by which it counts in the search, and is judged there.
        A kill costs what is under way; what was measured before is not trained again.

        Args:
            trials: any of the study.
            stream: CHOOSING or JUDGING.
            count: how many seeds.
            tell: hears of what is trained.

        Raises:
            Interrupted: which loses what was under way.
        """
        if not trials:
            return []
        key = f"repeats of {[t.number for t in trials]} on {count} seeds of set {stream}"
        if key not in self.study.record:
            many = f"{len(trials)} trials" if len(trials) > 1 else f"trial {trials[0].number}"
            tell(StageBegan(f"training {many} again on {count} {WORDS[stream]} seeds"))
            seeds = fresh(self.seed, stream, count)
            self.study.record.put(key, self._trained(trials, seeds, key, tell))
            if self.checkpoints is not None:
                self.checkpoints.clear()
        return [
            _repeats(t, own)
            for t, own in zip(trials, self.study.record.get(key, list[Kept]) or (), strict=True)
        ]

    def _trained(
        self, trials: Sequence[TrialResult], seeds: Sequence[int], key: str, tell: Listener
    ) -> list[Kept]:
        """What the record keeps of each trial, in their order."""
        runs = dict(enumerate((trial, seed) for trial in trials for seed in seeds))
        numbered = [Trial(i, trial.settings, 0) for i, (trial, _) in runs.items()]
        own = {i: [seed] for i, (_, seed) in runs.items()}
        again = {i: trial for i, (trial, _) in runs.items()}
        outcomes = trained(self.training, numbered, own, self.checkpoints, key, tell, again)
        size = len(seeds)
        return [_kept(outcomes[i * size : (i + 1) * size]) for i in range(len(trials))]

    def confirmation(
        self,
        trials: Sequence[TrialResult],
        count: int,
        tell: Listener = nobody,
        textbook: bool = True,
    ) -> Confirmed:
        """Which of the trials is best on fresh seeds, which is the winner, and what it is worth.

        The winner is judged on other seeds than it is chosen by, next to the textbook settings.
        One trial alone is not chosen: the seeds that judge it are all that there are.

        Args:
            trials: any of the study.
            count: how many seeds choose, and how many judge.
            tell: hears of what is trained.
            textbook: whether the textbook settings are judged as well.

        Raises:
            Interrupted: which loses what was under way.
        """
        order, number, why = list[Repeats](), trials[0].number, ""
        if len(trials) > 1:
            order = by_mean(self.repeats(trials, CHOOSING, count, tell))
            winner, why = simplest(order)
            number = winner.trial
        known = {t.number: t for t in (*self.study.results(), *trials)}
        books = [t for t in known.values() if t.is_default and t.state == "COMPLETE"]
        others = [t for t in books if t.number != number and textbook]
        judged, *beside = self.repeats([known[number], *others], JUDGING, count, tell)
        self.judged, order = judged, order or [judged]
        alike, worse = {r.trial for r in equals(order)}, over_best(order)
        confirmation = Confirmation(
            seeds=count,
            trials=tuple(
                ConfirmedTrial(**r.fields(worse.get(r.trial)), alike=r.trial in alike)
                for r in order
            ),
            winner=number,
            why=why,
            judged=Repeated(**judged.fields()),
            defaults=tuple(
                ConfirmedDefault(**r.fields(r.over(judged, len(others))), origin=dict(t.origin))
                for r, t in zip(beside, others, strict=True)
            ),
        )
        return Confirmed(confirmation, {r.trial: r.curve for r in order if r.curve})


def _repeats(trial: TrialResult, kept: Kept) -> Repeats:
    """What a trial reached on seeds, as the record keeps it."""
    curve, values = _with_infinity(kept["curve"]), kept["values"]
    test = {
        name: [number for number in numbers if number is not None]
        for name, numbers in kept.items()
        if name.startswith(TEST)
    }
    failed = len(kept.get(FAILED, ()))
    return Repeats(trial.number, trial.settings, trial.value, values, curve, failed, test)


def _with_infinity(curve: Sequence[float | None]) -> list[float]:
    """The curve with infinity where it was not finite, which JSON does not have."""
    return [math.inf if value is None else value for value in curve]


def _kept(outcomes: Sequence[Outcome]) -> Kept:
    """What the record keeps of one trial's runs, in the order of the seeds."""
    complete = [o.state == "COMPLETE" and math.isfinite(o.value) for o in outcomes]
    values = [rounded(o.value) if c else None for o, c in zip(outcomes, complete, strict=True)]
    curve: list[float | None] = []
    if all(complete):
        curves = [[o.goal.turn(v) for v in o.curves[o.goal.curve]] for o in outcomes]
        # One that has ended by itself keeps its last number.
        longest = max(map(len, curves))
        curves = [own + own[-1:] * (longest - len(own)) for own in curves]
        curve = [rounded(float(v)) for v in np.mean(curves, axis=0)]
    kept: Kept = {"values": values, "curve": curve}
    if failed := [float(seed) for seed, o in enumerate(outcomes) if o.state == "FAILED"]:
        kept[FAILED] = [*failed]
    if all(complete):
        for name in (name for name in outcomes[0].curves if name.startswith(TEST)):
            last = [rounded(o.curves[name][-1]) if name in o.curves else None for o in outcomes]
            if None not in last:
                kept[name] = last
    return kept
