"""The tracker: turns the events of a study into records for MLflow."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tuner.codec import Settings
from tuner.processes.deadline import Deadline
from tuner.processes.early import Server
from tuner.search.trials import Goal, Outcome, Trial, TrialResult
from tuner.study.events import (
    Abandoned,
    Asked,
    Began,
    Confirmed,
    Ended,
    EpochEnded,
    Event,
    TrialsEnded,
)  # fmt: skip
from tuner.study.results import StudyResult
from tuner.tracking.recorded_study import RESULT, files, modified_ms
from tuner.tracking.records import Artifact, Points, Record, RunBegins, RunEnds, now_ms
from tuner.tracking.study_records import BestSoFar, advised, begun, confirmed, ended, left, steps
from tuner.tracking.writer import Writer

# Seconds between two sends of the running trials' points, apart from those at rungs, and the
# greatest share of the time that preparing them may take.
LIVE, SHARE = 2.0, 0.05


class Tracker:
    """Turns the events of one study into records.

    Args:
        writer: receives the records; the tracker closes it.
        deadline: how long the end waits for MLflow; records that MLflow has not taken by then stay
            in the spool.
        begins: the record that begins the study's run.
        goal: what the study minimises.
        artifacts: files that exist when the study begins.
        folder: the study's folder, with its pictures and its model.
        shown: selects the settings of a trial that MLflow shows.
        verdict: makes the records of a result.
        has_function: whether the study trains a user's function.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        writer: Writer,
        deadline: Deadline,
        begins: RunBegins,
        goal: Goal,
        artifacts: Sequence[Path] = (),
        folder: Path | None = None,
        shown: Callable[[Settings], Settings] = lambda settings: settings,
        verdict: Callable[[StudyResult], Iterable[Record]] = advised,
        has_function: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.writer, self.deadline, self.begins, self.goal = writer, deadline, begins, goal
        self.artifacts, self.folder, self.shown = artifacts, folder, shown
        self.verdict, self.has_function, self.clock = verdict, has_function, clock
        self.best = BestSoFar(goal)
        self.sent: dict[int, int] = {}  # number of sent points on each curve, by running trial
        self.due, self.left = -math.inf, 0  # next send; trials that had left at the last

    @property
    def host(self) -> Callable[[], Server | None] | None:
        """The process that also saves the winner, as `Background` takes it; None without one."""
        return self.writer.host if self.writer.is_host else None

    def __call__(self, event: Event) -> None:
        match event:
            case Began(results):
                self.begin(results)
            case Abandoned(numbers):
                self.abandon(numbers)
            case Asked(trials):
                self.ask(trials)
            case EpochEnded():
                self.go_on(event)
            case TrialsEnded(outcomes, again):
                self.end_trials(outcomes, again)
            case Confirmed():
                self.confirm(event)
            case Ended(result):
                self.end(result)

    def begin(self, results: Sequence[TrialResult]) -> None:
        """Begins the run of the study, or continues it.

        Args:
            results: the results of the trials that ended before.
        """
        tuple(self.best.after(results))
        self.writer.put(self.begins)
        self.add_artifacts(self.artifacts)

    def abandon(self, numbers: Sequence[int]) -> None:
        """Ends the runs of trials that will not be trained."""
        for number in numbers:
            reason = "does not fit the new ranges"
            self.writer.put(RunEnds(number, "INTERRUPTED", reason, now_ms()))
        if numbers:
            self.writer.sync()

    def ask(self, trials: Sequence[Trial]) -> None:
        """Begins a child run for each of these trials."""
        for trial in trials:
            own = trial.settings
            self.put([begun(trial.number, trial.started_ms, own, self.shown(own))])

    def go_on(self, event: EpochEnded) -> None:
        """Sends new points of the running trials: at the start, at rungs, and at intervals."""
        left, now = event.left, self.clock()
        if event.epoch and left == self.left and now < self.due:
            return
        for number, curves in event.curves().items():
            self.put(self.news(Points(number, steps(curves), curves)))
        self.left, self.due = left, now + max(LIVE, (self.clock() - now) / SHARE)

    def news(self, points: Points) -> Iterator[Points]:
        """The points of a trial's curves that were not sent yet."""
        assert points.number is not None
        first = self.sent.get(points.number, 0)
        if first < len(points.steps):
            self.sent[points.number] = len(points.steps)
            left = {name: values[first:] for name, values in points.metrics.items()}
            yield Points(points.number, points.steps[first:], left)

    def end_trials(self, outcomes: Sequence[Outcome], again: bool = False) -> None:
        """Writes the curves and the end of these trials; they are on disk when it returns.

        Args:
            outcomes: the outcomes of the trials.
            again: whether the trials will be trained again: then they do not count as best so far.
        """
        for outcome in outcomes:
            for record in ended(outcome.result(), outcome.kept_curves(), now_ms()):
                self.put(self.news(record) if isinstance(record, Points) else [record])
            if self.folder is not None and not again:
                self.put(left(self.folder, outcome.result()))
            self.sent.pop(outcome.trial.number, None)
        if not again:
            self.put(self.best.after([outcome.result() for outcome in outcomes]))
        self.writer.sync()

    def put(self, records: Iterable[Record]) -> None:
        """Passes records to the writer."""
        for record in records:
            self.writer.put(record)

    def confirm(self, event: Confirmed) -> None:
        """Adds the curves of a confirmation.

        Each mean curve on fresh seeds goes to its trial's run.
        """
        self.put(confirmed(event, self.goal))

    def end(self, result: StudyResult) -> None:
        """Adds the files, the result and the saved model; waits for MLflow until the deadline."""
        if self.folder is not None:
            # The new result is not written yet: an existing file is an earlier result.
            self.put(
                file
                for file in files(self.folder, self.has_function)
                if Path(file.path).name != RESULT
            )
        self.put(self.verdict(result))
        self.writer.flush(self.deadline)

    def over(self, result_file: Path | None = None, interrupted: bool = False) -> None:
        """Ends the study's run, after everything else is written.

        Args:
            result_file: is added to the run; the time when it was written becomes the run's end.
            interrupted: whether the study is to continue later.
        """
        ended_ms = now_ms()
        if result_file is not None:
            self.add_artifacts([result_file])
            ended_ms = modified_ms(result_file)
        if interrupted:
            self.writer.put(RunEnds(None, "INTERRUPTED", "interrupted", now_ms()))
        else:
            self.writer.put(RunEnds(None, "COMPLETE", "finished", ended_ms))
        self.writer.sync()

    def fail(self, error: BaseException) -> None:
        """Ends the study's run with an error; call it last."""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        self.writer.put(RunEnds(None, "FAILED", said, now_ms()))

    def add_artifacts(self, files: Sequence[Path]) -> None:
        """Copies files to the study's run."""
        self.put(Artifact(None, str(file.resolve())) for file in files)

    def link(self) -> str | None:
        """The page with the curves of all trials; None if MLflow was not reached yet."""
        return self.writer.curves_link(self.goal.curve, self.goal.greater_is_better)

    def close(self) -> tuple[str, list[str]]:
        """Waits for MLflow until the deadline, and closes the writer.

        Returns:
            A message about waiting records, or "", and a line for each record that MLflow refused.
        """
        waiting = self.writer.close(self.deadline)
        words = f"{waiting} records wait for MLflow ({self.writer.error})" if waiting else ""
        return words, self.writer.refused
