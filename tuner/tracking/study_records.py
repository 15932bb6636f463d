"""The records that MLflow gets of a study, the same while it runs and afterwards."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.codec import Settings
from tuner.errors import printable
from tuner.search.importance import Importance
from tuner.search.initial_trials import described
from tuner.search.trials import Curves, Goal, TrialResult
from tuner.study.events import Confirmed
from tuner.study.results import StudyResult
from tuner.study.trial_files import for_mlflow
from tuner.tracking.records import (
    Artifact,
    Model,
    Points,
    Record,
    RunBegins,
    RunEnds,
    Tags,
    Verdict,
)

# The pictures in the description of a study's run.
PICTURES = ("loss_curves.png", "learning_rates.png")

# Characters of a setting's value in a run's name, and settings in it if no rate is searched.
WIDEST, NAMED = 20, 2


def begun(
    number: int, started_ms: int, settings: Settings, shown: Settings | None = None
) -> RunBegins:
    """The record that begins a trial's run.

    Args:
        number: the trial's number.
        started_ms: when the trial was proposed, in milliseconds since 1970.
        settings: all its settings.
        shown: the settings that become params, by default all: numbers and text as they are, other
            values as text.
    """
    shown = settings if shown is None else shown
    return RunBegins(number, called(number, settings, shown), started_ms, params_of(shown))


def params_of(settings: Settings) -> dict[str, object]:
    """Settings in the form of a record's line."""
    plain = (int, float, str, list)
    return {k: v if isinstance(v, plain) or v is None else repr(v) for k, v in settings.items()}


def called(number: int, settings: Settings, shown: Settings) -> str:
    """The name of a trial's run: its number, its optimizer, and what identifies it.

    That is its learning rate if it is searched, and otherwise the first searched settings.

    >>> adam = {"optimizer": "adam", "optimizer.adam.lr": 0.0102, "batch_size": 32}
    >>> called(46, adam, adam)
    '046 adam lr=0.0102'
    >>> called(7, {}, {"x": 0.25, "width": 2, "depth": 1})
    '007 x=0.25 width=2'
    """
    optimizer = settings.get("optimizer")
    rate = f"optimizer.{optimizer}.lr"
    named = [rate] if rate in shown else [path for path in shown if path != "optimizer"][:NAMED]
    words = [f"{path.rsplit('.', 1)[-1]}={_short(shown[path])}" for path in named]
    return printable(" ".join([f"{number:03d}", *([str(optimizer)] if optimizer else []), *words]))


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def ended(result: TrialResult, curves: Curves, ended_ms: int) -> Iterator[Record]:
    """The records of a trial's curves and its end.

    Args:
        result, curves: the trial's, as the study's record keeps them (`Outcome.kept_curves`).
        ended_ms: when it ended, in milliseconds since 1970.
    """
    yield Points(result.number, steps(curves), curves)
    tags = {"label": result.label, "evidence": result.evidence}
    if result.diverged_at is not None:
        tags["diverged_at"] = f"{result.diverged_at:.4g} of the training"
    if result.best_epoch is not None:
        tags["best_epoch"] = str(result.best_epoch)
    if result.origin:
        tags["origin"] = described(result.origin)
    tags = {f"tuner.{name}": value for name, value in tags.items()}
    yield RunEnds(result.number, result.state, result.reason, ended_ms, tags)


def left(study: Path, result: TrialResult) -> Iterator[Artifact]:
    """The files that a trial logged; for a failed trial also the files about its failure.

    Args:
        study: the study's folder.
        result: the trial's result.
    """
    for path, folder in for_mlflow(study, result.number, result.state == "FAILED"):
        yield Artifact(result.number, str(path.resolve()), folder)


def steps(curves: Curves) -> list[int]:
    """The epochs of a trial's curves, from 0."""
    return list(range(max(map(len, curves.values()), default=0)))


class BestSoFar:
    """The curve of a study's run: the best value so far after each trial."""

    def __init__(self, goal: Goal) -> None:
        self.goal, self.best = goal, math.inf

    def after(self, results: Sequence[TrialResult]) -> Iterator[Points]:
        """The next points, for trials in order of their numbers; none before one is complete."""
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
    """The mean curves on the seeds that chose the winner, on each trial's own run.

    A curve's name states its seeds, so there is one curve of each name, whichever command confirms
    and however often.
    """
    name = f"confirmed_{goal.curve}_{event.confirmation.seeds}_choosing_seeds"
    for number, values in event.curves.items():
        epochs = list(range(1, len(values) + 1))
        yield Points(number, epochs, {name: [*map(goal.turn, values)]})


def advised(result: StudyResult) -> Iterator[Tags]:
    """Tags with the study's advice for each trial, as of the end of the last command."""
    for trial in result.all:
        yield Tags(trial.number, {"tuner.advice": trial.advice})


def judged(
    result: StudyResult, folder: Path, step: int, note: str, has_function: bool = False
) -> Iterator[Record]:
    """The records of a result: the winner, how good it is, and its saved model.

    Args:
        result: the study's result.
        folder: the study's folder.
        step: the step of the winner's numbers, greater for a later result.
        note: the description in MLflow, in Markdown.
        has_function: whether the study trains a user's function, whose model is no MLflow model.
    """
    winner = result.winner
    pictures = [name for name in PICTURES if (folder / name).exists()]
    yield Verdict(None, note, pictures, dict(_tags(result)), params_of(_winning(result)))
    if winner is None:
        return
    if result.confirmation is not None and winner.value is not None:
        ends = {"": winner.value, "_low": winner.low, "_high": winner.high}
        points = {f"confirmed_{result.goal.curve}{end}": [value] for end, value in ends.items()}
        yield Points(None, [step], points)
    if result.test:
        yield Points(None, [step], {f"test_{name}": [v] for name, v in result.test.items()})
    if result.test and not has_function:
        tags = {"trial": str(winner.number)}
        params = params_of(_winning(result))
        yield Model(None, str(folder / "model"), "best", params, tags)


def _winning(result: StudyResult) -> Settings:
    """The searched settings of the winner; the others belong to the study."""
    own = {} if result.winner is None else result.winner.settings
    return {path: own[path] for path in result.searched if path in own}


def _tags(result: StudyResult) -> Iterator[tuple[str, str]]:
    """Tags of the study's run: the winner, the number of trials by state, and importances."""
    for state, count in result.trials.items():
        yield f"tuner.trials.{state}", str(count)
    for own in result.importances:
        if shares := _shares(own):
            yield f"tuner.importance.{own.path}", shares
    winner = result.winner
    if winner is not None:
        yield "tuner.winner", str(winner.number)
        for name in ("value", "low", "high", "stops_at"):
            if (number := getattr(winner, name)) is not None:
                yield f"tuner.winner.{name}", repr(number)
        for path, value in _winning(result).items():
            yield f"tuner.winner.settings.{path}", str(value)


def _shares(own: Importance) -> str:
    shares = {"fANOVA": own.fanova, "PED-ANOVA": own.ped_anova}
    return ", ".join(f"{name} {share:.3f}" for name, share in shares.items() if share is not None)
