"""What all charts of a study share: its trials, their values and their marks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tuner.report import verdict
from tuner.report.page.axes import Axis, Value, of_goal, of_setting, of_values
from tuner.report.page.charts import Chart, between
from tuner.report.standing import standing
from tuner.search.space import Space
from tuner.search.trials import ENDED, Curves, TrialResult
from tuner.study.results import StudyResult

# The most trials in one chart: with thousands, the page would be too large.
MOST = 300
# A trial is good if it falls short of the best one's gain by at most this share.
GOOD = 0.05

# When trials began and ended, in milliseconds since 1970, by number.
Times = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Shown:
    """A study as the page shows it.

    Attributes:
        curves: the curves of its trials, by number.
        space: the searched space.
        times: the times of its trials; empty if unknown.
    """

    result: StudyResult
    curves: Mapping[int, Curves]
    space: Space
    times: Times = field(default_factory=dict)

    def value(self, trial: TrialResult) -> float | None:
        """A trial's value in the form that people read; None if it diverged."""
        known = trial.value is not None and trial.state != "DIVERGED"
        return self.result.goal.turn(trial.value or 0.0) if known else None

    def lacks(self, trial: TrialResult) -> float:
        """How far a trial falls short of the best gain, as a share; infinity if it diverged."""
        best, value = self.result.best, trial.value
        if best is None or best.value is None or value is None or trial.state == "DIVERGED":
            return math.inf
        gained = (best.start if best.start is not None else math.inf) - best.value
        return (value - best.value) / gained if gained > 0 else math.inf

    def said(self, trial: TrialResult) -> str:
        """A trial described in one line."""
        value = self.value(trial)
        reached = trial.state.lower() if value is None else f"{self.result.goal.name} {value:.4g}"
        own = verdict.settings_of(trial, self.result.searched)
        rank = self.names.get(trial.number)
        return f"trial {trial.number}{f', {rank}' if rank else ''}: {reached} ({own})"

    @cached_property
    def names(self) -> dict[int, str]:
        """The names of the highlighted trials, by number."""
        return {trial.number: name for name, trial in standing(self.result).items()}

    @cached_property
    def winner(self) -> int | None:
        """The winner's number."""
        return None if self.result.winner is None else self.result.winner.number

    @cached_property
    def ended(self) -> list[TrialResult]:
        """Trials whose results say something about their settings."""
        return [trial for trial in self.result.all if trial.state in ENDED]

    @cached_property
    def drawn(self) -> list[TrialResult]:
        """The drawn trials: all, or the best, the highlighted ones and some of the rest."""
        if len(self.ended) <= MOST:
            return self.ended
        first = sorted(self.ended, key=self.lacks)
        some = first[: MOST // 2] + first[MOST // 2 :: math.ceil(2 * len(first) / MOST)]
        named = [t for t in self.ended if t.number in self.names or t.is_default]
        numbers = {trial.number for trial in some + named}
        return [trial for trial in self.ended if trial.number in numbers]

    @cached_property
    def rates(self) -> Axis | None:
        """The axis of the learning rates of all trials; None if they have none."""
        rates = [t.learning_rate for t in self.drawn if t.learning_rate]
        return of_values("learning rate", rates, log=True) if rates else None

    def paint(self, trial: TrialResult) -> str:
        """The style of a trial's colour, from cold to hot by its learning rate."""
        at = None if self.rates is None else self.rates.place(trial.learning_rate)
        return "" if at is None else between(at)

    def kind(self, trial: TrialResult) -> str:
        """The CSS class of a trial's mark."""
        if trial.state == "DIVERGED":
            return "diverged"
        return "pruned" if trial.state == "PRUNED" else "complete"

    def goal_axis(self) -> Axis:
        """The axis of the goal for the values of the drawn trials."""
        known = [value for t in self.drawn if (value := self.value(t)) is not None]
        return of_goal(self.result.goal, self.result.unit, _calm(known, self.result))

    def setting_axis(self, path: str) -> Axis:
        """The axis of a searched setting."""
        values: list[Value] = [t.settings[path] for t in self.drawn if path in t.settings]
        return of_setting(path, self.space.searched[path], values)

    def mark(self, chart: Chart, trial: TrialResult, x: Value) -> None:
        """Draws a trial into a chart of results, with a ring if it is the winner.

        Args:
            chart: a chart whose y axis is the goal's.
            trial: the trial to draw.
            x: its value on the x axis.
        """
        value, said = self.value(trial), self.said(trial)
        if value is None:
            chart.cross(x, said, on_top=not self.result.goal.greater_is_better)
            chart.legend["diverged cross"] = "diverged"
            return
        chart.dot(x, value, self.kind(trial), said)
        chart.legend.setdefault(self.kind(trial), self.kind(trial))
        if trial.is_default:
            chart.dot(x, value, "default", said, 6)
            chart.legend["default"] = "the textbook settings"
        if trial.number == self.winner:
            chart.dot(x, value, "ring", said, 9)
            chart.legend["ring"] = f"winner: trial {trial.number}"


def _calm(values: list[float], result: StudyResult) -> list[float]:
    """Values without those worse than the start, which would flatten all others."""
    starts = [trial.start for trial in result.all if trial.start is not None]
    goal = result.goal
    worst = max(starts, default=math.inf)
    calm = [value for value in values if goal.turn(value) <= worst]
    return calm or values
