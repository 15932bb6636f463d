"""The highlighted trials: the winner, the best of the search, and a typical one."""

import math

from tuner.search.trials import ENDED, TrialResult
from tuner.study.results import StudyResult


def standing(result: StudyResult) -> dict[str, TrialResult]:
    """The highlighted trials by name, no trial twice.

    The best of the search is included only if it is not the winner. The typical trial is the median
    of all ended trials, with diverged ones ranked last.
    """
    named = {}
    if result.winning is not None:
        named["winner"] = result.winning
    if result.best is not None:
        named["best of the search"] = result.best
    ended = sorted((t for t in result.all if t.state in ENDED), key=_place)
    for trial in ended[len(ended) // 2 :][:1]:
        named[f"typical (median of {len(ended)})"] = trial
    kept: dict[int, str] = {}
    for name, trial in named.items():
        kept.setdefault(trial.number, name)
    return {name: result.trial(number) for number, name in kept.items()}


def _place(trial: TrialResult) -> tuple[bool, float, int]:
    value = math.inf if trial.value is None else trial.value
    return trial.state == "DIVERGED", value, trial.number
