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

# With fewer trials than this, the gain of more trials cannot be estimated.
FEWEST = 16
# The number of seeds on which the best trial is trained again to measure the noise, and their
# stream.
REPEATS, REPEATED = 5, 1


@dataclass(frozen=True)
class Limits:
    """The limits of a study.

    Attributes:
        trials: the number of trials of the whole study.
        epochs_total: the epochs of all rows of all trials.
        seconds: the time of this command.
        target: a value on the goal's curve that suffices.
        when_noise: whether to end when more trials are expected to gain no more than the noise
            between seeds.
    """

    trials: int
    epochs_total: int | None = None
    seconds: float | None = None
    target: float | None = None
    when_noise: bool = False


class Stopping:
    """Whether a study has reached its end, and why, in words that the verdict repeats.

    Args:
        limits: the study's limits.
        study: the study that may end.
        training: trains the best trial again to measure the noise.
        seed: the study's seed.
        asked: an additional check; returns why the study should end, or "".
        checkpoints: save what is running.
        plan: the plan of the command's time, if there is one.
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
            measure: allows training repeats to measure the noise, and receives their events.
        """
        return (
            self.asked()
            or self.target()
            or self.trials()
            or self.epochs_over(self.epochs())
            or self.noise(measure)
        )

    def target(self) -> str:
        """Says whether a trial has reached the target."""
        target, goal = self.limits.target, self.training.goal
        best = best_of(self.study.results())
        if target is None or best is None or best.value is None or best.value > goal.turn(target):
            return ""
        reached = goal.turn(best.value)
        return f"target: trial {best.number} reached {goal.name} {reached:.4g} ({target:g})"

    def trials(self) -> str:
        """Says whether all requested trials are done."""
        trials = self.limits.trials
        return f"all {trials} trials are done" if self.study.finished >= trials else ""

    def epochs(self, without: Collection[int] = ()) -> int:
        """The epochs trained by all rows of all trials except these."""
        return sum(r.member_epochs for r in self.study.results() if r.number not in without)

    def epochs_over(self, epochs: int) -> str:
        """Says whether these epochs exhaust the budget."""
        most = self.limits.epochs_total
        over = most is not None and epochs >= most
        return f"budget.epochs_total: the trials have trained {most} epochs" if over else ""

    def seconds_over(self) -> str:
        """Says whether this command's time is spent, or its ending needs the rest."""
        seconds = self.limits.seconds
        if seconds is not None and time.monotonic() - self.started > seconds:
            return f"budget.seconds: {seconds:g} s have passed"
        return "" if self.plan is None else self.plan.search_over(self.study.results())

    def noise(self, measure: Listener | None) -> str:
        """Says whether doubling the trials should gain less than the noise between seeds."""
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
        # A trial that did not reach its end counts with its last value.
        worst = float(np.finfo(float).max)
        gain = expected_gain([worst if r.value is None else r.value for r in ended])
        if noise is None or gain > noise:
            return ""
        return (
            f"stop.when_noise: as many trials again should gain at most {gain:.2g}, "
            f"and trial {best.number} differs by {noise:.2g} from seed to seed"
        )

    def affords(self, best: TrialResult) -> bool:
        """Whether there is time to measure the noise of a trial."""
        plan = self.plan
        return plan is None or plan.affords(REPEATS * plan.epochs * plan.work(best.settings))

    def _measured(self, best: TrialResult, key: str, tell: Listener) -> float | None:
        """The standard deviation of a trial's value over fresh seeds; None if any run diverges."""
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
    """The gain of the second half of the trials over the first half, averaged over their order.

    It is the expected best of half of them minus the best of all. The expected best is convex in
    the number of trials, and usually in its logarithm: each doubling gains less than the one
    before. So doubling the trials is expected to gain no more than this.
    """
    return expected_best(values, len(values) // 2) - min(values)
