"""The pictures of a study: image files made from its result and its curves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tuner.report.standing import standing
from tuner.report.verdict import settings_of, varied_groups
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

RATES, LOSSES = "learning_rates.png", "loss_curves.png"
# Up to EACH trials, every curve has its own colour; the longest name in characters.
EACH, LONGEST = 6, 40
# The PNG text chunk that says, as JSON, which study it shows and which trial won.
KEYWORD = "tuner"


def draw(result: StudyResult, curves: Mapping[int, Curves], folder: Path) -> None:
    """Draws the pictures of a study; learning rates only if its trials have any.

    Args:
        result: the study's result.
        curves: the curves of its trials, by number.
        folder: the folder of the files.
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
    # A user function may yield no losses: then the goal's metric is drawn.
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
    """The names of the curves with their own colours, by trial number.

    These are the highlighted trials. With few trials, every trial has a name, which says by which
    settings it differs.
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
    """A recorded curve with NaN in place of None.

    Args:
        curve: the curve; None if it was not measured.
        epochs: its length without the value before the first epoch.
    """
    numbers = [None] * (epochs + 1) if curve is None else curve
    return np.array([np.nan if value is None else value for value in numbers])
