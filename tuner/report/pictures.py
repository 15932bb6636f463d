"""The pictures of a study: files made from its result and its curves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tuner.report.standing import standing
from tuner.report.verdict import settings_of, varied_groups
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

RATES, LOSSES = "learning_rates.png", "loss_curves.png"
# Up to so many trials have each a curve of its own colour; the letters of what it is called.
EACH, LONGEST = 6, 40
# Of the PNG's text chunk that says, as JSON, whose picture it is and which trial won.
KEYWORD = "tuner"


def draw(result: StudyResult, curves: Mapping[int, Curves], folder: Path) -> None:
    """Draws what can be drawn of a study: rates only where its trials have learning rates.

    Args:
        result: how it ended.
        curves: of its trials, by number.
        folder: where the files go.
    """
    from tuner.report.plots.trials import Reached, TrialCurve, learning_rates, loss_curves

    winner, goal, unit = result.winner, result.goal, result.unit
    says = {KEYWORD: json.dumps({
        "study": result.study,
        "winner": None if winner is None else winner.number,
        "value": None if winner is None else winner.value,
    })}  # fmt: skip
    subject = f"Study {result.study}"
    won = "" if winner is None else f" (winner: trial {winner.number})"
    if any(trial.learning_rate is not None for trial in result.all) or not result.all:
        reached = [
            Reached(
                number=trial.number,
                group=trial.optimizer or "trials",
                learning_rate=np.nan if trial.learning_rate is None else trial.learning_rate,
                state=trial.state,
                value=np.nan if trial.value is None else goal.turn(trial.value),
                is_default=trial.is_default,
            )
            for trial in result.all
        ]
        learning_rates(
            reached,
            folder / RATES,
            f"{subject}: which learning rates worked{won}",
            f"validation {unit}" if goal.curve == "validation_loss" else goal.title,
            None if winner is None else winner.number,
            goal.greater_is_better,
            says,
        )
    # A user's function may yield no losses: then what counts is drawn.
    has_losses = not curves or any("validation_loss" in own for own in curves.values())
    drawn = "validation_loss" if has_losses else goal.curve
    fell = "the loss fell" if has_losses else f"the {goal.name} went"
    what = f"validation {unit}" if has_losses else goal.title
    beside = "train_loss" if has_losses else ""
    lines = [
        TrialCurve(
            number=trial.number,
            state=trial.state,
            epochs=range(trial.epochs + 1),
            train_loss=_finite(curves.get(trial.number, {}).get(beside), trial.epochs),
            validation_loss=_finite(curves.get(trial.number, {}).get(drawn), trial.epochs),
        )
        for trial in result.all
    ]
    title = f"{subject}: how {fell}{won}"
    loss_curves(lines, folder / LOSSES, title, what, named_curves(result), says)


def named_curves(result: StudyResult) -> dict[int, str]:
    """What curves of their own colour are called, by number.

    These are the trials that stand out. Where there are few trials it is each of them, and its
    name says by which settings it differs.
    """
    named = {trial.number: name for name, trial in standing(result).items()}
    if len(result.all) > EACH:
        return named
    groups = varied_groups(result)
    won = None if result.winner is None else result.winner.number
    called = {}
    for trial in result.all:
        parts = [str(trial.settings.get(path, "")) for path in groups]
        told = ", ".join(filter(None, [*parts, settings_of(trial, result.searched, groups)]))
        told = told if len(told) <= LONGEST else ""
        rank = ["winner"] if trial.number == won else []
        called[trial.number] = ", ".join([*rank, *filter(None, [told])])
    return called


def _finite(curve: Sequence[float | None] | None, epochs: int) -> np.ndarray:
    """A curve from its record, in which JSON has no number for what is not finite.

    Args:
        curve: None where it was not measured.
        epochs: its length, but for what was before the first.
    """
    numbers = [None] * (epochs + 1) if curve is None else curve
    return np.array([np.nan if value is None else value for value in numbers])
