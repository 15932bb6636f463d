"""What an audit reads: the trials, the winner's curves, and the searched settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tuner.config import Config
from tuner.search.ranges import Setting
from tuner.search.space import Space
from tuner.search.statistics import deviation
from tuner.search.trials import ENDED, Curves, Goal, TrialResult, ranked
from tuner.study.edge import EdgeRun, known_runs
from tuner.study.results import Confirmation, Winner
from tuner.study.study import Study
from tuner.training.curves import Curve

Array = np.ndarray

# How many of the best trials the checks look at.
TOP = 5
# The median absolute second difference of independent normal numbers, in standard deviations.
BEND = 0.6745 * math.sqrt(6)
# A standard deviation is estimated only from a late curve of at least this many epochs.
FEWEST = 8


@dataclass(frozen=True)
class Audited:
    """A study that ended without an interrupt, as the checks of an audit see it.

    Attributes:
        trials: all trials, with the diagnoses that the whole study supports.
        budget, epochs: the number of trials requested, and the full length of a trial.
        winner: None if no trial trained to the end.
        curves: the winner's recorded curves.
        edge: short runs of the winner at its learning rate and above, the lowest first; empty if
            none were made.
    """

    space: Space
    goal: Goal
    trials: Sequence[TrialResult]
    budget: int
    epochs: int
    winner: TrialResult | None
    curves: Curves
    confirmation: Confirmation | None
    edge: Sequence[EdgeRun] = ()

    @cached_property
    def ended(self) -> list[TrialResult]:
        """Trials whose results say something about their settings."""
        return [trial for trial in self.trials if trial.state in ENDED]

    @cached_property
    def top(self) -> list[TrialResult]:
        """The best trials, the best first."""
        return ranked(self.trials)[:TOP]

    def top_with(self, path: str) -> list[TrialResult]:
        """The best trials that have a setting, the best first."""
        return ranked([trial for trial in self.trials if path in trial.settings])[:TOP]

    def rate(self, path: str | None) -> Setting | None:
        """How the learning rate at a path is searched; None if it is not."""
        return None if path is None else self.space.searched.get(path)

    @cached_property
    def reached(self) -> Array:
        """The winner's objective after each epoch, turned so that lower is better: (epochs,)."""
        return self.goal.turn(1.0) * self.whole(self.goal.curve)[1:]

    @cached_property
    def curve(self) -> Curve:
        """The winner's curves in the form that the diagnosis takes."""
        falling = self.whole("train_loss")
        if not len(falling):
            falling = self.goal.turn(1.0) * self.whole(self.goal.curve)
        return Curve(falling, self.whole("validation_loss"), self.whole("learning_rate")[1:])

    def whole(self, name: str) -> Array:
        """One of the winner's curves from before its first step on; NaN where it was not finite."""
        return np.array([math.nan if n is None else n for n in self.curves.get(name, [])])

    @property
    def gained(self) -> float:
        """The gain of the winner's best epoch over its start; 0 if it has no curve.

        The gain over its first epoch if the start is unknown, as for many user functions.
        """
        if self.winner is None or not len(self.reached):
            return 0.0
        start = self.winner.start
        first = float(self.reached[0]) if start is None else start
        return max(0.0, first - float(self.reached.min()))

    @property
    def late_noise(self) -> float | None:
        """The standard deviation from epoch to epoch in the last quarter of the winner's curve.

        Second differences cancel a steady fall, and their median ignores a jump. None if the curve
        is too short or the late part is not finite.
        """
        late = self.reached[-max(FEWEST, len(self.reached) // 4) :]
        if len(self.reached) < 2 * FEWEST or not np.isfinite(late).all():
            return None
        return float(np.median(np.abs(np.diff(late, 2)))) / BEND

    @property
    def seed_noise(self) -> float | None:
        """The standard deviation of the winner's value over seeds; None if it was not measured."""
        if self.confirmation is None or self.confirmation.judged.mean is None:
            return None
        return deviation([v for v in self.confirmation.judged.values if v is not None])


def audited(
    config: Config,
    study: Study,
    goal: Goal,
    trials: Sequence[TrialResult],
    decided: Winner | None,
    confirmed: Confirmation | None,
) -> Audited:
    """Collects what the audit of a finished study looks at.

    Args:
        config: the study's config.
        study: its record holds the curves and the short runs.
        goal: what the study minimises.
        trials: all trials, with the diagnoses that the whole study supports.
        decided: the winner.
        confirmed: the results of the best trials on fresh seeds.
    """
    winner = next((t for t in trials if decided is not None and t.number == decided.number), None)
    own = (c for number, c in study.curves() if winner is not None and number == winner.number)
    return Audited(
        space=config.space,
        goal=goal,
        trials=trials,
        budget=config.budget.trials,
        epochs=config.budget.epochs,
        winner=winner,
        curves=next(own, {}),
        confirmation=confirmed,
        edge=known_runs(study.record, winner),
    )
