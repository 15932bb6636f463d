"""Confirmation: trains the best trials again on fresh seeds; the simplest of equals wins."""

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

# The two sets of fresh seeds: one chooses the winner, the other judges it.
CHOOSING, JUDGING = 2, 3
WORDS = {CHOOSING: "fresh", JUDGING: "other fresh"}

# Epochs are compared in tenths of the training: a difference of one epoch is noise.
PARTS = 10

# The record of a trial on fresh seeds: the final `values`, the mean `curve`, the indices of the
# seeds on which it FAILED, if any, and the last numbers of each curve on the test part.
FAILED, TEST = "failed", "test_"
Kept = dict[str, list[float | None]]


@dataclass(frozen=True)
class Repeats:
    """The results of a trial's settings on fresh seeds; lower is better.

    Attributes:
        believed: the trial's value in the search; None if it was not finite.
        values: one per seed, on the same seeds for all compared trials; None where the run diverged
            or failed.
        curve: the mean objective over the seeds, one per epoch; empty if any value is None.
        failed: the number of seeds on which it failed.
        test: scores on the test part by name, one per seed; only scores that every seed has.
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
        """The values on the seeds on which it trained to the end."""
        return [v for v in self.values if v is not None]

    @property
    def lost(self) -> int:
        """The number of seeds on which it diverged or failed."""
        return len(self.values) - len(self.known)

    @property
    def mean(self) -> float:
        """The mean over the seeds; infinity if it diverged or failed on any."""
        return math.inf if self.lost else interval(self.known).mean

    def over(self, other: "Repeats", together: int = 1) -> Interval | None:
        """How much worse it is than another, paired by seed; None if either lost a seed.

        Args:
            other: the other trial's repeats on the same seeds.
            together: the number of intervals that must hold simultaneously.
        """
        if self.lost or other.lost:
            return None
        pairs = zip(self.known, other.known, strict=True)
        return interval([own - others for own, others in pairs], together)

    def fields(self, worse: Interval | None = None) -> dict[str, Any]:
        """The fields of `Repeated`; `worse` is how much worse it is than another."""
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
    """Seeds of one of the sets; no seed is in another set, and none is the study's.

    The first seeds are the same however many are requested.
    """
    drawn = np.random.SeedSequence((seed, stream)).generate_state(2 * count + 2)
    # The last two bits identify the set.
    own = dict.fromkeys(int(number) // 4 * 4 + stream for number in drawn)
    return [s for s in own if s != seed][:count]


def by_mean(repeats: Sequence[Repeats]) -> list[Repeats]:
    """Sorts by mean, the best first; those that lost seeds come last, and ties keep their order."""
    return sorted(repeats, key=lambda r: (r.mean, r.lost))


def over_best(order: Sequence[Repeats]) -> dict[int, Interval | None]:
    """How much worse each is than the best, by trial number (`Repeats.over`).

    The best may have come out best by luck. So the intervals are corrected for all pairs, any of
    which might be the compared one: among equals, one is called worse than the best in at most 5 %
    of cases, whatever their variances and correlations.

    Args:
        order: as `by_mean`.
    """
    pairs = math.comb(sum(not r.lost for r in order), 2)
    return {r.trial: r.over(order[0], pairs) for r in order[1:]}


def equals(order: Sequence[Repeats]) -> list[Repeats]:
    """The best, and those that differ from it by no more than noise (`over_best`).

    Args:
        order: as `by_mean`.
    """
    worse = over_best(order)
    return [order[0], *(r for r in order[1:] if (d := worse[r.trial]) and d.holds_zero)]


def needed(repeats: Repeats, level: float) -> int:
    """The first epoch at which the mean curve is at or below the level; the last if it never is."""
    at = np.flatnonzero(np.array(repeats.curve) <= level)
    return int(at[0]) + 1 if at.size else len(repeats.curve)


def complexity(settings: Settings) -> tuple[int, int]:
    """The complexity of an optimizer (its hyperparameters and slots) and of a schedule.

    So gradient descent comes before momentum, and momentum before Adam. A missing optimizer or
    schedule counts 0.
    """
    optimizer, schedule = settings.get("optimizer"), settings.get("schedule")
    rule = optimizers.load(optimizer) if optimizer in optimizers.names() else None
    own = settings if schedule == schedules.PARTS else {}
    if schedule in schedules.names():
        own = schedules.load(schedule).own
    return len(rule.own) + len(rule.slots) if rule else 0, len(own)


def is_linear(settings: Settings) -> bool:
    """Whether the model has no hidden layer and no feature products; True for unknown models."""
    family = FAMILIES.get(str(settings.get("model")))
    if family is None or family.own:
        return True
    path = f"model.{settings['model']}.hidden"
    return "hidden" in family.shape and not settings.get(path) and f"{path}.0" not in settings


def as_good(order: Sequence[Repeats]) -> list[Repeats]:
    """The equals of the best with a mean within one standard deviation of the best one's seeds.

    With few seeds, hardly any difference is significant. So a trial whose distance to the best
    exceeds the spread of the best one's own runs is not chosen for its simplicity.

    Args:
        order: as `by_mean`.
    """
    best = order[0]
    level = best.mean + deviation(best.known) if len(best.known) > 1 else math.inf
    return [r for r in equals(order) if r.mean <= level]


def simplest(order: Sequence[Repeats]) -> tuple[Repeats, str]:
    """The simplest of those that are as good as the best (`as_good`), and why, in words.

    Linear models come before networks. Ties are broken in this order: the fewest tenths of the
    training until the mean curve enters the interval of the best, the simpler optimizer, the
    simpler schedule, the better mean.
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
    """Repeats a study's trials on fresh seeds; the record keeps what was measured.

    Args:
        study: the study whose trials are repeated.
        training: makes the runners.
        seed: the study's seed.
        checkpoints: save what is running.
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
        # The winner of the last confirmation, on the judging seeds.
        self.judged: Repeats | None = None

    def repeats(
        self, trials: Sequence[TrialResult], stream: int, count: int, tell: Listener = nobody
    ) -> list[Repeats]:
        """Trains the trials on `count` seeds of a set, all together.

        Each one is trained to the epoch at which the search took its value, and is judged there.
        A kill loses only what is running; recorded results are not trained again.

        Args:
            trials: any trials of the study.
            stream: CHOOSING or JUDGING.
            count: how many seeds.
            tell: receives the events of the training.

        Raises:
            Interrupted: what was running is lost.
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
        """What the record keeps of each trial, in the order of the trials."""
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
        """Chooses the winner among the trials on fresh seeds, and judges it on others.

        The winner is judged on other seeds than those that chose it, next to the textbook settings.
        A single trial needs no choice and is only judged.

        Args:
            trials: any trials of the study.
            count: how many seeds choose, and how many judge.
            tell: receives the events of the training.
            textbook: whether the textbook settings are judged as well.

        Raises:
            Interrupted: what was running is lost.
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
    """The repeats of a trial, from the record."""
    curve, values = _with_infinity(kept["curve"]), kept["values"]
    test = {
        name: [number for number in numbers if number is not None]
        for name, numbers in kept.items()
        if name.startswith(TEST)
    }
    failed = len(kept.get(FAILED, ()))
    return Repeats(trial.number, trial.settings, trial.value, values, curve, failed, test)


def _with_infinity(curve: Sequence[float | None]) -> list[float]:
    """The curve with infinity in place of None; JSON has no infinity."""
    return [math.inf if value is None else value for value in curve]


def _kept(outcomes: Sequence[Outcome]) -> Kept:
    """What the record keeps of a trial's runs, in the order of the seeds."""
    complete = [o.state == "COMPLETE" and math.isfinite(o.value) for o in outcomes]
    values = [rounded(o.value) if c else None for o, c in zip(outcomes, complete, strict=True)]
    curve: list[float | None] = []
    if all(complete):
        curves = [[o.goal.turn(v) for v in o.curves[o.goal.curve]] for o in outcomes]
        # A run that ended early keeps its last number.
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
