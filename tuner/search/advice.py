"""Advice: what a trial's curve suggests, as far as the other trials agree."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tuner.search.trials import ENDED, TrialResult, ranked
from tuner.training.curves import DECAY, FURTHEST, LOWER, NONE, OR, RAISE

# A trial did better if its value is lower by this share of what the best one gained.
BETTER = 0.02


def advised(trials: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """These trials with advice that none of the others speaks against.

    Trials compare that differ in numbers alone. Where the best of them did better, it says where
    the learning rate should go. Where it did not, a trial's own advice stays: but to raise the rate
    only if no higher one within FURTHEST times was tried, and none up to there diverged, and to
    lower it only if no lower one was tried, for none of those did better.
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
    """What trials have in common that can be compared: all that is no number of theirs."""
    rate = trial.rate_path
    words = {k: v for k, v in trial.settings.items() if k != rate and not isinstance(v, float)}
    return repr(sorted(words.items()))


def _rate(trial: TrialResult) -> float:
    assert trial.learning_rate is not None
    return trial.learning_rate


@dataclass(frozen=True)
class _Alike:
    """Trials that compare."""

    trials: Sequence[TrialResult]

    @cached_property
    def ranked(self) -> list[TrialResult]:
        """Those that trained to the end, the best first."""
        return ranked(self.trials)

    @cached_property
    def tried(self) -> list[float]:
        """All rates in order."""
        return sorted(map(_rate, self.trials))

    @cached_property
    def diverged(self) -> list[float]:
        """The rates that diverged, in order."""
        return sorted(_rate(t) for t in self.trials if t.state == "DIVERGED")

    def advice(self, trial: TrialResult) -> str:
        """What holds for one of them."""
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
        """Whether another ended lower by more than a small share of what the best one gained."""
        best = self.ranked[0]
        if trial.state == "DIVERGED" or trial.value is None:
            return True
        if other.value is None or best.value is None or best.start is None:
            return False
        return trial.value - other.value > BETTER * (best.start - best.value)

    def towards(self, best: TrialResult, trial: TrialResult) -> str:
        """Where those that did better say that a rate should go: not up to one that diverged."""
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
