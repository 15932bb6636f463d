"""What all charts of a study share: its trials, their numbers and their marks."""

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

# At most so many trials are drawn in one chart: a page of some thousand would be too large.
MOST = 300
# A trial is good if it lacks at most this share of what the best one gained.
GOOD = 0.05

# When trials began and ended, in milliseconds since 1970, by number.
Times = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Shown:
    """A study as the page shows it.

    Attributes:
        curves: of its trials, by number.
        space: what was searched.
        times: of its trials; empty if not known.
    """

    result: StudyResult
    curves: Mapping[int, Curves]
    space: Space
    times: Times = field(default_factory=dict)

    def value(self, trial: TrialResult) -> float | None:
        """What a trial reached, as people read it; None where it diverged."""
        known = trial.value is not None and trial.state != "DIVERGED"
        return self.result.goal.turn(trial.value or 0.0) if known else None

    def lacks(self, trial: TrialResult) -> float:
        """How much less than the best a trial gained, as a share of that; infinity if diverged."""
        best, value = self.result.best, trial.value
        if best is None or best.value is None or value is None or trial.state == "DIVERGED":
            return math.inf
        gained = (best.start if best.start is not None else math.inf) - best.value
        return (value - best.value) / gained if gained > 0 else math.inf

    def said(self, trial: TrialResult) -> str:
        """A trial in a line."""
        value = self.value(trial)
        reached = trial.state.lower() if value is None else f"{self.result.goal.name} {value:.4g}"
        own = verdict.settings_of(trial, self.result.searched)
        rank = self.names.get(trial.number)
        return f"trial {trial.number}{f', {rank}' if rank else ''}: {reached} ({own})"

    @cached_property
    def names(self) -> dict[int, str]:
        """What trials that stand out are called, by number."""
        return {trial.number: name for name, trial in standing(self.result).items()}

    @cached_property
    def winner(self) -> int | None:
        """Its number."""
        return None if self.result.winner is None else self.result.winner.number

    @cached_property
    def ended(self) -> list[TrialResult]:
        """Trials that say something of their settings."""
        return [trial for trial in self.result.all if trial.state in ENDED]

    @cached_property
    def drawn(self) -> list[TrialResult]:
        """Those of them that are drawn: all, or the best, what stands out and some of the rest."""
        if len(self.ended) <= MOST:
            return self.ended
        first = sorted(self.ended, key=self.lacks)
        some = first[: MOST // 2] + first[MOST // 2 :: math.ceil(2 * len(first) / MOST)]
        named = [t for t in self.ended if t.number in self.names or t.is_default]
        numbers = {trial.number for trial in some + named}
        return [trial for trial in self.ended if trial.number in numbers]

    @cached_property
    def rates(self) -> Axis | None:
        """The axis of the learning rates of all trials; None where they have none."""
        rates = [t.learning_rate for t in self.drawn if t.learning_rate]
        return of_values("learning rate", rates, log=True) if rates else None

    def paint(self, trial: TrialResult) -> str:
        """The style of a trial's colour: by its learning rate, from cold to hot."""
        at = None if self.rates is None else self.rates.place(trial.learning_rate)
        return "" if at is None else between(at)

    def kind(self, trial: TrialResult) -> str:
        """The class that a trial is drawn with."""
        if trial.state == "DIVERGED":
            return "diverged"
        return "pruned" if trial.state == "PRUNED" else "complete"

    def goal_axis(self) -> Axis:
        """The axis of what counts, for what the trials drawn reached."""
        known = [value for t in self.drawn if (value := self.value(t)) is not None]
        return of_goal(self.result.goal, self.result.unit, _calm(known, self.result))

    def setting_axis(self, path: str) -> Axis:
        """The axis of a searched setting."""
        values: list[Value] = [t.settings[path] for t in self.drawn if path in t.settings]
        return of_setting(path, self.space.searched[path], values)

    def mark(self, chart: Chart, trial: TrialResult, x: Value) -> None:
        """Draws a trial into a chart of what trials reached, what stands out on top of it.

        Args:
            chart: with the axis of the goal.
            trial: to draw.
            x: where it is along the other axis.
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
    """Values without the few worst, which would flatten all others: those worse than the start."""
    starts = [trial.start for trial in result.all if trial.start is not None]
    goal = result.goal
    worst = max(starts, default=math.inf)
    calm = [value for value in values if goal.turn(value) <= worst]
    return calm or values
