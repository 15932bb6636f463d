"""Natural numbers: turns scores, where greater is better, to the form that people read, and back.

Internally, lower is always better: a score is kept negated and turned for display. Files that
people read hold the scores themselves. Each function here is its own inverse.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from tuner.search.statistics import Interval
from tuner.search.trials import Goal, TrialResult
from tuner.study.comparison_result import Comparison
from tuner.study.results import Confirmation, Repeated, StudyResult

Repeats = TypeVar("Repeats", bound=Repeated)


def natural(result: StudyResult) -> StudyResult:
    """The result with all objectives turned; its winner's numbers are already natural."""
    goal, found = result.goal, result.confirmation
    if not goal.greater_is_better:
        return result
    return replace(
        result,
        best=None if result.best is None else natural_trial(goal, result.best),
        all=tuple(natural_trial(goal, trial) for trial in result.all),
        confirmation=None if found is None else natural_confirmation(goal, found),
    )


def natural_confirmation(goal: Goal, confirmed: Confirmation) -> Confirmation:
    """The confirmation, turned; how much one trial is worse than another stays the same."""
    return replace(
        confirmed,
        trials=tuple(_repeated(goal, trial) for trial in confirmed.trials),
        judged=_repeated(goal, confirmed.judged),
        defaults=tuple(_repeated(goal, default) for default in confirmed.defaults),
    )


def natural_comparison(found: Comparison) -> Comparison:
    """The comparison, turned; its target is already natural."""
    goal = found.goal
    return replace(
        found,
        curves={name: tuple(map(goal.turn, curve)) for name, curve in found.curves.items()},
        bars={
            name: {k: _interval(goal, bar) for k, bar in own.items()}
            for name, own in found.bars.items()
        },
        branches={
            name: replace(
                branch,
                tuned=None if branch.tuned is None else _repeated(goal, branch.tuned),
                default=None if branch.default is None else _repeated(goal, branch.default),
            )
            for name, branch in found.branches.items()
        },
    )


def natural_trial(goal: Goal, trial: TrialResult) -> TrialResult:
    """A trial, turned."""
    (start, value), rungs = _turned(goal, (trial.start, trial.value)), trial.rungs
    turned = tuple((epoch, goal.turn(number)) for epoch, number in rungs)
    return replace(trial, start=start, value=value, rungs=turned)


def _repeated(goal: Goal, repeated: Repeats) -> Repeats:
    return replace(
        repeated,
        believed=_turned(goal, (repeated.believed,))[0],
        values=_turned(goal, repeated.values),
        mean=None if repeated.mean is None else _interval(goal, repeated.mean),
    )


def _interval(goal: Goal, interval: Interval) -> Interval:
    low, high = sorted((goal.turn(interval.low), goal.turn(interval.high)))
    return Interval(goal.turn(interval.mean), low, high)


def _turned(goal: Goal, numbers: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if number is None else goal.turn(number) for number in numbers)
