"""Advice that holds in a study: what a trial's own curve asks for, as far as other trials agree."""

from collections.abc import Sequence
from dataclasses import replace

from tuner.search.trials import ENDED, TrialResult, ranked
from tuner.training.curves import DECAY, FURTHEST, LOWER, NONE, OR, RAISE

# A trial did better if its value is lower by this share of what the best one gained.
BETTER = 0.02


def advised(trials: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """These trials with advice that none of the others speaks against.

    Trials compare that differ in numbers alone. Where the best of them did better, it says where
    the learning rate should go. Where it did not, a trial's own advice stays: but to raise the rate
    only if no higher one within FURTHEST times was tried, and to lower it only if no lower one
    was, for none of those did better.
    """
    kinds: dict[str, list[TrialResult]] = {}
    for trial in trials:
        if trial.state in ENDED and trial.learning_rate is not None:
            kinds.setdefault(_kind(trial), []).append(trial)
    told = {t.number: _advice(t, alike) for alike in kinds.values() for t in alike}
    return tuple(replace(t, advice=told.get(t.number, t.advice)) for t in trials)


def _kind(trial: TrialResult) -> str:
    """What trials have in common that can be compared: all that is no number of theirs."""
    rate = f"optimizer.{trial.optimizer}.lr"
    words = {k: v for k, v in trial.settings.items() if k != rate and not isinstance(v, float)}
    return repr(sorted(words.items()))


def _advice(trial: TrialResult, alike: Sequence[TrialResult]) -> str:
    rate, best = _rate(trial), next(iter(ranked(alike)), None)
    if best is not None and _did_better(best, trial, best):
        return _towards(best, trial, alike)
    ways = trial.advice.split(OR)
    others = [_rate(t) for t in alike]
    ahead = 0.0 if best is None else _rate(best) - rate
    if ahead < 0 or any(rate < other <= FURTHEST * rate for other in others):
        ways = [way for way in ways if not way.startswith(RAISE)]
    held = trial.state != "DIVERGED" and any(rate / FURTHEST <= other < rate for other in others)
    if ahead > 0 or held:
        ways = [way for way in ways if not way.startswith(LOWER)]
    if ahead > 0:
        ways = [way for way in ways if DECAY not in way]
    return OR.join(ways) or NONE


def _rate(trial: TrialResult) -> float:
    assert trial.learning_rate is not None
    return trial.learning_rate


def _did_better(other: TrialResult, trial: TrialResult, best: TrialResult) -> bool:
    """Whether another trial ended lower by more than a small share of what the best one gained."""
    if trial.state == "DIVERGED" or trial.value is None:
        return True
    if other.value is None or best.value is None or best.start is None:
        return False
    return trial.value - other.value > BETTER * (best.start - best.value)


def _towards(best: TrialResult, trial: TrialResult, alike: Sequence[TrialResult]) -> str:
    """Where those that did better say that this one's learning rate should go.

    Below the lowest rate above this one that diverged, if the best one is not.
    """
    rate = _rate(trial)
    wall = min((_rate(t) for t in alike if t.state == "DIVERGED" and _rate(t) >= rate), default=0.0)
    lead = best
    if rate < _rate(best) and wall and _rate(best) >= wall:
        below = [t for t in ranked(alike) if rate < _rate(t) < wall]
        lead = next((t for t in below if _did_better(t, trial, best)), trial)
    further = f"trial {lead.number} got further with {_rate(lead):.3g}"
    if _rate(lead) < rate:
        way = f"{LOWER}: {further}"
    elif _rate(lead) > rate:
        way = f"{RAISE}: {further}"
    else:
        way = f"try settings like those of trial {best.number}, which got further"
    return f"{trial.advice}; {way}" if trial.label == "overfitting" else way
