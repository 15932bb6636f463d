"""The study loop: cohort after cohort is asked, raced and told, until something ends the study."""

from collections.abc import Sequence

from tuner.search.pruners import Pruner
from tuner.search.racing import Race
from tuner.search.trials import Outcome, Trial
from tuner.study.events import Asked, CohortEnded, EpochEnded, Listener, StageBegan, TrialsEnded
from tuner.study.stopping import Stopping
from tuner.study.study import Study
from tuner.study.training import Training
from tuner.training.loop import Interrupted


class Loop:
    """One command's cohorts of a study.

    Args:
        study: that asks and is told.
        training: makes the runners.
        pruner: hears of all cohorts; those that ended before are told to it here.
        stopping: says when the study is over.
        cohort: how many trials are asked together.
        tell: hears of everything.
    """

    def __init__(
        self,
        study: Study,
        training: Training,
        pruner: Pruner,
        stopping: Stopping,
        cohort: int,
        tell: Listener,
    ) -> None:
        self.study, self.training, self.pruner = study, training, pruner
        self.stopping, self.size, self.tell = stopping, cohort, tell
        for start, stop in study.cohorts[: study.index]:
            pruner.learn([r for r in study.results() if start <= r.number < stop])

    def run(self) -> str:
        """Trains until the study ends; returns why it did, in words.

        Raises:
            Interrupted: when all that was trained is on record.
        """
        while True:
            if stopped := self.stopping.reason(measure=True) or self.stopping.seconds_over():
                return stopped
            todo = self.stopping.limits.trials - self.study.finished
            size = self.pruner.size(self.study.index, self.size)
            trials = self.study.cohort(min(size, todo))
            if not trials:
                self.tell(StageBegan(self.study.sampler.exhausted))
                return self.study.sampler.exhausted
            self.tell(Asked(trials))
            self.race(trials)

    def race(self, trials: Sequence[Trial]) -> None:
        """Trains one cohort and tells how each of its trials ended, whatever happens."""
        numbers = {trial.number for trial in trials}
        before = self.stopping.epochs(without=numbers)

        def out_of_budget(race: Race) -> str:
            spent = self.stopping.epochs_over(before + race.trained)
            return spent or self.stopping.seconds_over()

        race = Race(
            trials,
            self.training.runners(trials),
            self.pruner.rule(self.study.index),
            self.training.epochs,
            self.training.goal,
            on_epoch=lambda epoch, race: self.tell(EpochEnded(epoch, len(race.running))),
            out_of_budget=out_of_budget,
        )
        try:
            race.run()
        except Interrupted:
            raise
        except BaseException as error:
            race.fail(error)
            raise
        finally:
            self.record(list(race.outcomes.values()))
            self.pruner.learn([r for r in self.study.results() if r.number in numbers])
            self.tell(CohortEnded(self.study.results()))

    def record(self, outcomes: list[Outcome]) -> None:
        """Tells the listeners first: what is on record is never missing from them."""
        outcomes.sort(key=lambda outcome: outcome.trial.number)
        if outcomes:
            self.tell(TrialsEnded(outcomes))
        for outcome in outcomes:
            self.study.tell(outcome)
