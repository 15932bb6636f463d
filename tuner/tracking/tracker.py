"""The tracker: listens to a study and turns what it hears into records for MLflow."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tuner.codec import Settings
from tuner.search.initial_trials import described
from tuner.search.trials import Goal, Outcome, Trial, TrialResult
from tuner.study.events import (
    Abandoned,
    Asked,
    Began,
    Confirmed,
    Ended,
    Event,
    TrialsEnded,
)  # fmt: skip
from tuner.study.results import StudyResult
from tuner.tracking.records import Artifact, Model, Points, RunBegins, RunEnds
from tuner.tracking.writer import Writer

# Seconds to wait at the end for MLflow; what it has not taken by then waits in the spool.
PATIENCE = 60.0


class Tracker:
    """The records of one study.

    Args:
        writer: takes them; it is closed here.
        name: of the study.
        goal: what it minimises.
        started_ms: when it was begun first, in milliseconds since 1970.
        about: the params of its run.
        note: what MLflow shows as its description.
        artifacts: files that are there when the study begins.
        folder: of the study, with its pictures and its model.
        shown: the settings of a trial as MLflow shows them.
    """

    def __init__(
        self,
        writer: Writer,
        name: str,
        goal: Goal,
        started_ms: int,
        about: Settings | None = None,
        note: str = "",
        artifacts: Sequence[Path] = (),
        folder: Path | None = None,
        shown: Callable[[Settings], Settings] = lambda settings: settings,
    ) -> None:
        self.writer, self.name, self.goal = writer, name, goal
        self.started_ms, self.about, self.note = started_ms, dict(about or {}), note
        self.artifacts, self.folder, self.shown = artifacts, folder, shown
        self.best = float("inf")

    def __call__(self, event: Event) -> None:
        match event:
            case Began(results):
                self.begin(results)
            case Abandoned(numbers):
                self.abandon(numbers)
            case Asked(trials):
                self.ask(trials)
            case TrialsEnded(outcomes):
                self.end_trials(outcomes)
            case Confirmed():
                self.confirm(event)
            case Ended(result):
                self.end(result)

    def begin(self, results: Sequence[TrialResult]) -> None:
        """Begins the run of the study, or goes on with it.

        Args:
            results: of the trials that ended before.
        """
        values = [r.value for r in results if r.state == "COMPLETE" and r.value is not None]
        self.best = min(values, default=self.best)
        tags = {"mlflow.note.content": self.note} if self.note else {}
        self.writer.put(RunBegins(None, self.name, self.started_ms, self.about, tags))
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
            name, settings = f"trial {trial.number}", _loggable(self.shown(trial.settings))
            self.writer.put(RunBegins(trial.number, name, trial.started_ms, settings))

    def end_trials(self, outcomes: Sequence[Outcome]) -> None:
        """Writes all curves and the end of these trials, safe on disk before it returns."""
        for outcome in outcomes:
            self._end_trial(outcome)
        self._best_so_far(outcomes)
        self.writer.sync()

    def _end_trial(self, outcome: Outcome) -> None:
        number, epochs = outcome.trial.number, outcome.epochs
        self.writer.put(Points(number, [0], {k: [v] for k, v in outcome.initial.items()}))
        if epochs:
            self.writer.put(Points(number, list(range(1, epochs + 1)), outcome.curves))
        tags = {"label": outcome.label, "evidence": outcome.evidence, "advice": outcome.advice}
        if outcome.diverged_at is not None:
            tags["diverged_at"] = f"{outcome.diverged_at:.4g} of the training"
        if outcome.trial.origin:
            tags["origin"] = described(outcome.trial.origin)
        tags = {f"tuner.{name}": value for name, value in tags.items()}
        self.writer.put(RunEnds(number, outcome.state, outcome.reason, now_ms(), tags))

    def _best_so_far(self, outcomes: Sequence[Outcome]) -> None:
        """The parent's curve: the best of the goal after each trial."""
        steps, values = [], []
        for outcome in outcomes:
            value = outcome.result().value
            if outcome.state == "COMPLETE" and value is not None:
                self.best = min(self.best, value)
            if self.best < float("inf"):
                steps.append(outcome.trial.number)
                values.append(self.goal.turn(self.best))
        if steps:
            self.writer.put(Points(None, steps, {f"best_{self.goal.curve}": values}))

    def confirm(self, confirmed: Confirmed) -> None:
        """Adds what a confirmation found.

        The mean curves on fresh seeds go each to its trial's run, what the winner is worth to the
        study's.
        """
        turn, curve = self.goal.turn, self.goal.curve
        for number, values in confirmed.curves.items():
            epochs = list(range(1, len(values) + 1))
            self.writer.put(Points(number, epochs, {f"confirmed_{curve}": [*map(turn, values)]}))
        mean = confirmed.confirmation.judged.mean
        if mean is not None:
            ends = {"": mean.mean, "_low": mean.low, "_high": mean.high}
            points = {f"confirmed_{curve}{end}": [turn(value)] for end, value in ends.items()}
            self.writer.put(Points(None, [confirmed.confirmation.winner], points))

    def end(self, result: StudyResult) -> None:
        """Adds pictures, the saved model and its scores, as far as MLflow takes them now."""
        folder, winner = self.folder, result.winner
        if folder is not None:
            self.add_artifacts(sorted(folder.glob("*.png")))
        if folder is not None and winner is not None and result.test:
            tags = {"trial": str(winner.number)}
            self.writer.put(Model(None, str(folder / "model"), "best", tags=tags))
            scores = {f"test_{name}": [value] for name, value in result.test.items()}
            self.writer.put(Points(None, [winner.number], scores))
        self.writer.flush(PATIENCE)

    def over(self, result_file: Path | None = None, interrupted: bool = False) -> None:
        """Ends the study's run, after all else that is written of it.

        Args:
            result_file: joins the run; its time of writing is the run's end.
            interrupted: whether the study is to go on later.
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
        """Ends the study's run with the error that no later record follows."""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        self.writer.put(RunEnds(None, "FAILED", said, now_ms()))

    def add_artifacts(self, files: Sequence[Path]) -> None:
        """Copies files to the study's run."""
        for file in files:
            self.writer.put(Artifact(None, str(file.resolve())))

    def link(self) -> str | None:
        """The page with the curves of all trials; None if MLflow was not reached yet."""
        return self.writer.curves_link(self.goal.curve, self.goal.greater_is_better)

    def close(self) -> tuple[str, list[str]]:
        """Gives MLflow a while to take what it has not.

        Returns:
            What waits in words, or "", and a line for each record that MLflow refused.
        """
        waiting = self.writer.close(PATIENCE)
        words = f"{waiting} records wait for MLflow ({self.writer.error})" if waiting else ""
        return words, self.writer.refused


def _loggable(settings: Settings) -> Settings:
    """Settings as MLflow shows them: numbers and words as they are, others in their own words."""
    plain = (int, float, str, list)
    return {k: v if isinstance(v, plain) or v is None else repr(v) for k, v in settings.items()}


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def modified_ms(path: Path) -> int:
    """When a file was written, in milliseconds since 1970."""
    return path.stat().st_mtime_ns // 1_000_000
