"""Stopping: budgets, the target, the noise between seeds, or nothing left to try."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.search.statistics import deviation, expected_best
from tuner.search.trials import ENDED, Trial, TrialResult, best_of
from tuner.study.checkpoints import Checkpoints
from tuner.study.events import Listener, StageBegan
from tuner.study.plan import Plan
from tuner.study.study import Study
from tuner.study.training import Training, trained

# Fewer trials than this say too little of what more of them would bring.
FEWEST = 16
# Seeds under which the best trial is trained again to see the noise, and the stream they are from.
REPEATS, REPEATED = 5, 1


@dataclass(frozen=True)
class Limits:
    """What a study may cost, and what it need not pass.

    Attributes:
        trials: of the study in all.
        epochs_total: trained by all rows of all trials.
        seconds: of this command.
        target: a number of the goal's curve that suffices.
        when_noise: whether to end when more trials are not expected to bring more than seeds
            differ by.
    """

    trials: int
    epochs_total: int | None = None
    seconds: float | None = None
    target: float | None = None
    when_noise: bool = False


class Stopping:
    """Whether a study has reached its end, and why, in words that the verdict repeats.

    Args:
        limits: of the study.
        study: that may end.
        training: trains its best trial again, where the noise is measured.
        seed: of the study.
        asked: asked as well; why the study is to end, or "".
        checkpoints: keep what is under way.
        plan: of the command's time, where it has one.
    """

    def __init__(
        self,
        limits: Limits,
        study: Study,
        training: Training,
        seed: int,
        asked: Callable[[], str] = lambda: "",
        checkpoints: Checkpoints | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.limits, self.study, self.training, self.seed = limits, study, training, seed
        self.asked, self.checkpoints, self.plan = asked, checkpoints, plan
        self.started = time.monotonic()

    def reason(self, measure: Listener | None = None) -> str:
        """Why the study ends before another cohort, or "".

        Args:
            measure: lets it train repeats, and hears of them.
        """
        return (
            self.asked()
            or self.target()
            or self.trials()
            or self.epochs_over(self.epochs())
            or self.noise(measure)
        )

    def target(self) -> str:
        """Whether a trial has reached the target."""
        target, goal = self.limits.target, self.training.goal
        best = best_of(self.study.results())
        if target is None or best is None or best.value is None or best.value > goal.turn(target):
            return ""
        reached = goal.turn(best.value)
        return f"target: trial {best.number} reached {goal.name} {reached:.4g} ({target:g})"

    def trials(self) -> str:
        """Whether there are as many trials as were asked for."""
        trials = self.limits.trials
        return f"all {trials} trials are done" if self.study.finished >= trials else ""

    def epochs(self, without: Collection[int] = ()) -> int:
        """Epochs trained by all rows of all trials but these."""
        return sum(r.member_epochs for r in self.study.results() if r.number not in without)

    def epochs_over(self, epochs: int) -> str:
        """Whether so many epochs are all that may be trained."""
        most = self.limits.epochs_total
        over = most is not None and epochs >= most
        return f"budget.epochs_total: the trials have trained {most} epochs" if over else ""

    def seconds_over(self) -> str:
        """Whether the seconds of this command are spent, or its end needs what is left."""
        seconds = self.limits.seconds
        if seconds is not None and time.monotonic() - self.started > seconds:
            return f"budget.seconds: {seconds:g} s have passed"
        return "" if self.plan is None else self.plan.search_over(self.study.results())

    def noise(self, measure: Listener | None) -> str:
        """Whether as many trials again are expected to bring less than seeds differ by."""
        results, record = self.study.results(), self.study.record
        best = best_of(results)
        ended = [r for r in results if r.state in ENDED]
        if not self.limits.when_noise or best is None or len(ended) < FEWEST:
            return ""
        key = f"noise of trial {best.number}"
        if key not in record:
            if measure is None or not self.affords(best):
                return ""
            record.put(key, self._measured(best, key, measure))
            if self.checkpoints is not None:
                self.checkpoints.clear()
        noise = record.get(key, float)
        # A trial that did not get to its end is worth no more than it had reached by then.
        worst = float(np.finfo(float).max)
        gain = expected_gain([worst if r.value is None else r.value for r in ended])
        if noise is None or gain > noise:
            return ""
        return (
            f"stop.when_noise: as many trials again should gain at most {gain:.2g}, "
            f"and trial {best.number} differs by {noise:.2g} from seed to seed"
        )

    def affords(self, best: TrialResult) -> bool:
        """Whether there is time to train a trial on the seeds that show the noise."""
        plan = self.plan
        return plan is None or plan.affords(REPEATS * plan.epochs * plan.work(best.settings))

    def _measured(self, best: TrialResult, key: str, tell: Listener) -> float | None:
        """The deviation of a trial's value over fresh seeds; None if one of them diverges."""
        sequence = np.random.SeedSequence((self.seed, REPEATED))
        seeds = [int(seed) for seed in sequence.generate_state(REPEATS)]
        trial = Trial(best.number, best.settings, 0)
        own = {trial.number: seeds}
        tell(StageBegan(f"training trial {best.number} on {REPEATS} seeds to measure its noise"))
        again = {trial.number: best}
        (outcome,) = trained(self.training, [trial], own, self.checkpoints, key, tell, again)
        if outcome.state != "COMPLETE":
            return None
        by_seed = {
            seed: [v for (s, _), v in outcome.members.items() if s == seed] for seed in seeds
        }
        return deviation([float(np.mean(numbers)) for numbers in by_seed.values()])


def expected_gain(values: Sequence[float]) -> float:
    """What the second half of the trials brought over the first, whatever their order.

    The expected best of half of them less the best of all. The curve of the expected best is convex
    in the number of trials, and so as a rule in its logarithm: each doubling brings less than the
    one before; so as many trials again are expected to bring no more than this.
    """
    return expected_best(values, len(values) // 2) - min(values)
