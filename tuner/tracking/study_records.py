"""What MLflow is told of a study, as it goes on and from its record again: the same both times."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.codec import Settings
from tuner.search.initial_trials import described
from tuner.search.trials import Curves, Goal, TrialResult
from tuner.study.events import Confirmed
from tuner.study.results import StudyResult
from tuner.tracking.records import Model, Points, Record, RunBegins, RunEnds, Tags


def begun(number: int, started_ms: int, settings: Settings) -> RunBegins:
    """A trial's run: settings are params, numbers and words as they are, others in words."""
    plain = (int, float, str, list)
    params = {k: v if isinstance(v, plain) or v is None else repr(v) for k, v in settings.items()}
    return RunBegins(number, f"trial {number}", started_ms, params)


def ended(result: TrialResult, curves: Curves, ended_ms: int) -> Iterator[Record]:
    """All curves of a trial and its end.

    Args:
        result, curves: as the record keeps them (`Outcome.kept_curves`).
        ended_ms: in milliseconds since 1970.
    """
    steps = list(range(max(map(len, curves.values()), default=0)))
    yield Points(result.number, steps, curves)
    tags = {"label": result.label, "evidence": result.evidence}
    if result.diverged_at is not None:
        tags["diverged_at"] = f"{result.diverged_at:.4g} of the training"
    if result.origin:
        tags["origin"] = described(result.origin)
    tags = {f"tuner.{name}": value for name, value in tags.items()}
    yield RunEnds(result.number, result.state, result.reason, ended_ms, tags)


class BestSoFar:
    """The curve of a study's run: the best of the goal after each trial."""

    def __init__(self, goal: Goal) -> None:
        self.goal, self.best = goal, math.inf

    def after(self, results: Sequence[TrialResult]) -> Iterator[Points]:
        """The next piece, of trials in the order of their numbers; none before one is complete."""
        steps, values = [], []
        for result in results:
            if result.state == "COMPLETE" and result.value is not None:
                self.best = min(self.best, result.value)
            if self.best < math.inf:
                steps.append(result.number)
                values.append(self.goal.turn(self.best))
        if steps:
            yield Points(None, steps, {f"best_{self.goal.curve}": values})


def confirmed(event: Confirmed, goal: Goal) -> Iterator[Points]:
    """The mean curves on fresh seeds, each on its trial's run, and what the winner is worth."""
    for number, values in event.curves.items():
        epochs = list(range(1, len(values) + 1))
        yield Points(number, epochs, {f"confirmed_{goal.curve}": [*map(goal.turn, values)]})
    mean = event.confirmation.judged.mean
    if mean is not None:
        ends = {"": mean.mean, "_low": mean.low, "_high": mean.high}
        points = {f"confirmed_{goal.curve}{end}": [goal.turn(v)] for end, v in ends.items()}
        yield Points(None, [event.confirmation.winner], points)


def advised(result: StudyResult) -> Iterator[Tags]:
    """What the study as a whole advises for each trial: the end of the last command decides."""
    for trial in result.all:
        yield Tags(trial.number, {"tuner.advice": trial.advice})


def judged(result: StudyResult, folder: Path) -> Iterator[Record]:
    """The saved model of the winner and its scores on the test part, where there is one."""
    winner = result.winner
    if winner is not None and result.test:
        yield Model(None, str(folder / "model"), "best", tags={"trial": str(winner.number)})
        scores = {f"test_{name}": [value] for name, value in result.test.items()}
        yield Points(None, [winner.number], scores)
