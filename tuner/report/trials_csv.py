"""trials.csv: every trial of a study in a row, for a spreadsheet or pandas."""

import csv
import io
import json
from typing import Any

from tuner.errors import printable
from tuner.search.trials import TrialResult
from tuner.study.natural import natural
from tuner.study.results import StudyResult

TRIALS = "trials.csv"

# A spreadsheet would run a text that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@")


def text(result: StudyResult) -> str:
    """The table of trials as CSV; missing and non-finite values are empty.

    Args:
        result: the study's result.
    """
    head, rows = table(result)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_cell, head))
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def table(result: StudyResult) -> tuple[list[str], list[list[Any]]]:
    """The trials in the order of their numbers, with natural scores and exact numbers.

    There is a column for each searched setting. Missing values are None.

    Args:
        result: the study's result.

    Returns:
        The names of the columns, and a row for each trial.
    """
    found, curve = natural(result), result.goal.curve
    winner = None if result.winner is None else result.winner.number
    metrics = dict.fromkeys(["validation_loss", *(name for t in found.all for name in t.scores)])
    others = [name for name in metrics if name != curve]
    rows = [
        [
            *(trial.number, trial.state, trial.number == winner, trial.label, trial.epochs),
            *([trial.best_epoch] if result.goal.best_epoch else []),
            trial.value,
            *(_measured(trial, name) for name in others),
            *(trial.settings.get(path) for path in result.searched),
        ]
        for trial in found.all
    ]
    first = ["number", "state", "winner", "label", "epochs"]
    first += ["best_epoch"] if result.goal.best_epoch else []
    return [*first, curve, *others, *result.searched], rows


def _measured(trial: TrialResult, name: str) -> float | None:
    return trial.validation_loss if name == "validation_loss" else trial.scores.get(name)


def _cell(value: Any) -> Any:
    """A value for CSV: exact numbers, lists as JSON, texts without formulas and line breaks."""
    if isinstance(value, list | tuple):
        value = json.dumps(value)
    if not isinstance(value, str):
        return value
    said = printable(value)
    return f"'{said}" if said.startswith(FORMULA) else said
