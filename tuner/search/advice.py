"""Advice: what a trial's curve suggests, if the other trials do not contradict it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tuner.search.trials import ENDED, TrialResult, ranked
from tuner.training.curves import DECAY, FURTHEST, LOWER, NONE, OR, RAISE

# A trial is better if its value is lower by more than this share of the best trial's gain.
BETTER = 0.02


def advised(trials: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """These trials with advice that the other trials do not contradict.

    Trials are comparable if they differ in numbers only. If the best comparable trial is better,
    the advice is to move the learning rate towards that trial's. Otherwise a trial keeps its own
    advice, with two exceptions, because none of the comparable trials is better. Advice to raise
    the rate stays only if no higher rate up to FURTHEST times was tried and none up to there
    diverged. Advice to lower it stays only if no lower rate down to 1 / FURTHEST was tried, or if
    the trial diverged.
    """
    kinds: dict[str, list[TrialResult]] = {}
    for trial in trials:
        if trial.state in ENDED and trial.learning_rate is not None:
            kinds.setdefault(_kind(trial), []).append(trial)
    told: dict[int, str] = {}
    for alike in map(_Alike, kinds.values()):
        told |= {trial.number: alike.advice(trial) for trial in alike.trials}
    return tuple(replace(t, advice=told.get(t.number, t.advice)) for t in trials)


def _kind(trial: TrialResult) -> str:
    """A key of comparable trials: all settings that are not floats."""
    rate = trial.rate_path
    words = {k: v for k, v in trial.settings.items() if k != rate and not isinstance(v, float)}
    return repr(sorted(words.items()))


def _rate(trial: TrialResult) -> float:
    assert trial.learning_rate is not None
    return trial.learning_rate


@dataclass(frozen=True)
class _Alike:
    """Comparable trials."""

    trials: Sequence[TrialResult]

    @cached_property
    def ranked(self) -> list[TrialResult]:
        """The trials that trained to the end, the best first."""
        return ranked(self.trials)

    @cached_property
    def tried(self) -> list[float]:
        """All rates, ascending."""
        return sorted(map(_rate, self.trials))

    @cached_property
    def diverged(self) -> list[float]:
        """The rates that diverged, ascending."""
        return sorted(_rate(t) for t in self.trials if t.state == "DIVERGED")

    def advice(self, trial: TrialResult) -> str:
        """The advice for one of the trials."""
        best, rate = next(iter(self.ranked), None), _rate(trial)
        if best is not None and self.better(best, trial):
            return self.towards(best, trial)
        ways, ahead = trial.advice.split(OR), 0.0 if best is None else _rate(best) - rate
        higher = bisect_right(self.tried, FURTHEST * rate) > bisect_right(self.tried, rate)
        lower = bisect_left(self.tried, rate) > bisect_left(self.tried, rate / FURTHEST)
        if ahead < 0 or higher or bisect_right(self.diverged, FURTHEST * rate):
            ways = [way for way in ways if not way.startswith(RAISE)]
        if ahead > 0 or (lower and trial.state != "DIVERGED"):
            ways = [way for way in ways if not way.startswith(LOWER)]
        if ahead > 0:
            ways = [way for way in ways if DECAY not in way]
        return OR.join(ways) or NONE

    def better(self, other: TrialResult, trial: TrialResult) -> bool:
        """Whether another trial's value is lower by more than BETTER of the best one's gain."""
        best = self.ranked[0]
        if trial.state == "DIVERGED" or trial.value is None:
            return True
        if other.value is None or best.value is None or best.start is None:
            return False
        return trial.value - other.value > BETTER * (best.start - best.value)

    def towards(self, best: TrialResult, trial: TrialResult) -> str:
        """Advice to move towards the best trial, but not up to a rate that diverged."""
        rate, lead = _rate(trial), best
        walls = self.diverged[bisect_left(self.diverged, rate) :]
        if walls and rate < _rate(best) and walls[0] <= _rate(best):
            below = (t for t in self.ranked if rate < _rate(t) < walls[0])
            lead = next((t for t in below if self.better(t, trial)), trial)
        further = f"trial {lead.number} got a better result with {_rate(lead):.3g}"
        if _rate(lead) < rate:
            way = f"{LOWER}: {further}"
        elif _rate(lead) > rate:
            way = f"{RAISE}: {further}"
        else:
            way = f"try settings like those of trial {best.number}, which got a better result"
        return f"{trial.advice}; {way}" if trial.label == "overfitting" else way
