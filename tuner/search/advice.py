"""Advice that holds in a study: what a trial's own curve asks for, as far as other trials agree."""

from collections.abc import Sequence
from dataclasses import replace

from tuner.search.trials import ENDED, TrialResult, ranked
from tuner.training.curves import FURTHEST, LOWER, OR, RAISE

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
    best, rate = next(iter(ranked(alike)), None), trial.learning_rate
    assert rate is not None
    if best is not None and _did_better(best, trial):
        return _towards(best, trial, alike)
    ways = trial.advice.split(OR)
    tried = [t.learning_rate for t in alike if t.learning_rate is not None]
    if any(rate < other <= FURTHEST * rate for other in tried):
        ways = [way for way in ways if not way.startswith(RAISE)]
    if trial.state != "DIVERGED" and any(rate / FURTHEST <= other < rate for other in tried):
        ways = [way for way in ways if not way.startswith(LOWER)]
    return OR.join(ways) or "none needed"


def _did_better(best: TrialResult, trial: TrialResult) -> bool:
    """Whether the best trial did so by more than a small share of what it gained."""
    if trial.state == "DIVERGED" or trial.value is None:
        return True
    if best.value is None or best.start is None:
        return False
    return trial.value - best.value > BETTER * (best.start - best.value)


def _towards(best: TrialResult, trial: TrialResult, alike: Sequence[TrialResult]) -> str:
    """Where the best trial says that this one's learning rate should go."""
    there, rate = best.learning_rate, trial.learning_rate
    assert there is not None
    assert rate is not None
    further = f"trial {best.number} got further with {there:.3g}"
    diverged = [t.learning_rate for t in alike if t.state == "DIVERGED"]
    blocked = any(other is not None and rate <= other <= there for other in diverged)
    if there < rate:
        way = f"{LOWER}: {further}"
    elif there > rate and not blocked:
        way = f"{RAISE}: {further}"
    else:
        way = f"try settings like those of trial {best.number}, which got further"
    return f"{trial.advice}; {way}" if trial.label == "overfitting" else way
