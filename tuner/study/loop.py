"""The study loop: proposes, trains and records cohorts until something ends the study."""

from collections import Counter
from collections.abc import Sequence

from tuner.search.pruners import Pruner
from tuner.search.racing import Race
from tuner.search.trials import Outcome, Trial
from tuner.study.checkpoints import Checkpoints
from tuner.study.events import Asked, CohortEnded, EpochEnded, Listener, StageBegan, TrialsEnded
from tuner.study.stopping import Stopping
from tuner.study.study import Study
from tuner.study.training import Training
from tuner.training.loop import Interrupted


class Loop:
    """Runs the cohorts of a study in one command.

    Args:
        study: proposes the trials and records their outcomes.
        training: makes the runners.
        pruner: learns from all cohorts; the constructor feeds it the earlier ones.
        stopping: decides when the study ends.
        cohort: the number of trials that are proposed together.
        tell: receives all events.
        checkpoints: saves the running cohort.
    """

    def __init__(
        self,
        study: Study,
        training: Training,
        pruner: Pruner,
        stopping: Stopping,
        cohort: int,
        tell: Listener,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.study, self.training, self.pruner = study, training, pruner
        self.stopping, self.size, self.tell = stopping, cohort, tell
        self.checkpoints, self.plan = checkpoints, stopping.plan
        for start, stop in study.cohorts[: study.index]:
            pruner.learn([r for r in study.results() if start <= r.number < stop])

    def run(self) -> str:
        """Trains until the study ends; returns the reason, in words.

        Raises:
            Interrupted: if the command was told to stop; after all trained trials are recorded.
        """
        if self.plan is not None:
            self.plan.search()
        while True:
            if stopped := self.stopping.reason(measure=self.tell) or self.stopping.seconds_over():
                return stopped
            todo = self.stopping.limits.trials - self.study.finished
            size = min(self.pruner.size(self.study.index, self.size), todo)
            if self.plan is not None:
                size = self.plan.cohort(size, self.study.results())
                if not size:
                    return self.plan.over
            trials = self.study.cohort(size)
            if not trials:
                self.tell(StageBegan(why := self.study.exhausted))
                return why
            self.tell(Asked(trials))
            self.race(trials)

    def race(self, trials: Sequence[Trial]) -> None:
        """Trains one cohort and reports how each of its trials ended.

        The listeners are told whatever stops the training. The next command continues the cohort
        from the record, and its trials end as if nothing had happened.
        """
        numbers = {trial.number for trial in trials}
        before = self.stopping.epochs(without=numbers)

        def out_of_budget(race: Race) -> str:
            spent = self.stopping.epochs_over(before + race.trained)
            return spent or self.stopping.seconds_over()

        def on_epoch(epoch: int, race: Race) -> None:
            if self.plan is not None:
                self.plan.went(race)
                if losers := self.plan.losers(race, self.study.results()):
                    race.end(losers, "PRUNED", f"{self.plan.for_one} at epoch {epoch}")
                    race.compact()
            left = Counter(outcome.state for outcome in race.outcomes.values())
            self.tell(
                EpochEnded(
                    epoch,
                    race.epochs,
                    len(race.running),
                    left["PRUNED"],
                    left["DIVERGED"],
                    race.best,
                    race.live_curves,
                    left["FAILED"],
                )
            )
            if epoch and self.checkpoints is not None:
                self.checkpoints.after(race, key)

        def make() -> Race:
            return Race(
                trials,
                self.training.runners(trials),
                self.pruner.rule(self.study.index),
                self.training.epochs,
                self.training.goal,
                on_epoch,
                out_of_budget,
            )

        key = f"cohort {self.study.index} of {sorted(numbers)}, {self.training.epochs} epochs"
        race = make() if self.checkpoints is None else self.checkpoints.begin(make, key)
        if self.plan is not None:
            self.plan.begins(race)
        try:
            race.run()
        except BaseException as error:
            if not isinstance(error, Interrupted):
                race.fail(error)
            self.tell_ended(race, again=True)
            raise
        ended = self.tell_ended(race)
        with self.study.record.together():
            for outcome in ended:
                self.study.tell(outcome)
        if self.checkpoints is not None:
            self.checkpoints.clear()
        if self.plan is not None:
            self.plan.ended(trials)
        self.pruner.learn([r for r in self.study.results() if r.number in numbers])
        self.tell(CohortEnded(self.study.results()))

    def tell_ended(self, race: Race, again: bool = False) -> list[Outcome]:
        """Tells the listeners before anything is recorded, so they never miss a recorded trial.

        Args:
            race: a finished race.
            again: whether its trials will be trained again.
        """
        outcomes = sorted(race.outcomes.values(), key=lambda outcome: outcome.trial.number)
        if outcomes:
            self.tell(TrialsEnded(outcomes, again))
        return outcomes
