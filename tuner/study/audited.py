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

# So many of the best trials are looked at.
TOP = 5
# The median size of the second differences of independent normal numbers, in their deviations.
BEND = 0.6745 * math.sqrt(6)
# With fewer numbers the deviation of a late curve is not told.
FEWEST = 8


@dataclass(frozen=True)
class Audited:
    """A study that was not interrupted.

    Attributes:
        trials: with the advice that the whole study supports.
        budget, epochs: trials that were asked for, and their full length.
        winner: None where no trial trained to the end.
        curves: of the winner, as the record keeps them.
        edge: short runs of the winner at its rate and above, the lowest first; empty if none were
            made.
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
        """Trials that say something of their settings."""
        return [trial for trial in self.trials if trial.state in ENDED]

    @cached_property
    def top(self) -> list[TrialResult]:
        """The best trials, the best first."""
        return ranked(self.trials)[:TOP]

    def top_with(self, path: str) -> list[TrialResult]:
        """The best trials that have a setting, the best first."""
        return ranked([trial for trial in self.trials if path in trial.settings])[:TOP]

    def rate(self, path: str | None) -> Setting | None:
        """How the learning rate at a path is searched, if it is."""
        return None if path is None else self.space.searched.get(path)

    @cached_property
    def reached(self) -> Array:
        """What is minimised after each epoch of the winner, (epochs,)."""
        return self.goal.turn(1.0) * self.whole(self.goal.curve)[1:]

    @cached_property
    def curve(self) -> Curve:
        """The winner's curve as it is diagnosed."""
        falling = self.whole("train_loss")
        if not len(falling):
            falling = self.goal.turn(1.0) * self.whole(self.goal.curve)
        return Curve(falling, self.whole("validation_loss"), self.whole("learning_rate")[1:])

    def whole(self, name: str) -> Array:
        """A curve of the winner from before its first step on, nan where it was not finite."""
        return np.array([math.nan if n is None else n for n in self.curves.get(name, [])])

    @property
    def gained(self) -> float:
        """What the winner gained over its start at its best, 0 where it has no curve.

        Over its first epoch where nothing is known before that, as of many functions of users.
        """
        if self.winner is None or not len(self.reached):
            return 0.0
        start = self.winner.start
        first = float(self.reached[0]) if start is None else start
        return max(0.0, first - float(self.reached.min()))

    @property
    def late_noise(self) -> float | None:
        """The deviation from epoch to epoch in the last quarter of the winner's curve.

        By second differences, which a steady fall leaves out, and their median, which a jump does.
        None where the curve is too short.
        """
        late = self.reached[-max(FEWEST, len(self.reached) // 4) :]
        if len(self.reached) < 2 * FEWEST or not np.isfinite(late).all():
            return None
        return float(np.median(np.abs(np.diff(late, 2)))) / BEND

    @property
    def seed_noise(self) -> float | None:
        """The deviation of the winner's value from seed to seed, if it was measured."""
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
    """What an audit looks at of a study that has ended.

    Args:
        config: of the study.
        study: whose record holds its curves and its short runs.
        goal: that it minimises.
        trials: with the advice that the study supports.
        decided: the winner.
        confirmed: the best trials on fresh seeds.
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
