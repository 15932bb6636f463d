"""The text of one trial: its settings, how it ended, and its curves."""

from collections.abc import Iterator
from pathlib import Path

from tuner.report import terminal
from tuner.report.verdict import number as shown
from tuner.search.initial_trials import described
from tuner.search.trials import Curves, Goal, TrialResult

# How a trial ended, as the continuation of a sentence.
ENDED = {
    "COMPLETE": "is complete",
    "PRUNED": "was pruned",
    "DIVERGED": "diverged",
    "INTERRUPTED": "was interrupted",
    "FAILED": "failed in epoch",
}


def told(study: str, trial: TrialResult, curves: Curves, goal: Goal, winner: bool) -> terminal.Told:
    """The text on an ended trial.

    Args:
        study: the study's name.
        trial: the trial, with values that are minimised.
        curves: the trial's curves.
        goal: the study's goal.
        winner: whether it is the study's winner.
    """
    named = f"Trial {trial.number} of study {study}{', the winner,' if winner else ''}"
    at = f" {trial.epochs + 1}" if trial.state == "FAILED" else ""
    headline = f"{named} {ENDED[trial.state]}{at}: {trial.reason.removesuffix('.')}."
    evidence = ["Settings:", *settings(trial)]
    if trial.origin:
        evidence.append(f"It tried {described(trial.origin)}.")
    if trial.state != "FAILED":
        evidence.append(f"Its curve: {trial.label}, {trial.evidence}; advice: {trial.advice}.")
    evidence += [
        f"  seed {seed}, fold {fold}: {goal.name} {_number(value)}"
        for seed, fold, value in (trial.members if len(trial.members) > 1 else ())
    ]
    if trial.stops_at is not None:
        evidence.append(f"Epoch {trial.stops_at} of {trial.epochs}, its best, counts.")
    style = terminal.SURE if trial.state == "COMPLETE" else terminal.DOUBTFUL
    return terminal.Told([headline], {"": ends(curves)} if curves else {}, evidence, style)


def settings(trial: TrialResult) -> Iterator[str]:
    """All settings of a trial, one line each."""
    return (f"    {path} = {trial.settings[path]}" for path in sorted(trial.settings))


def ends(curves: Curves) -> terminal.Table:
    """A table of the first and last values of a trial's curves."""
    rows = [
        [
            name,
            _number(numbers[0]),
            _number(numbers[1] if numbers[1:] else None),
            _number(numbers[-1]),
        ]
        for name, numbers in curves.items()
        if numbers
    ]
    return ["curve", "before", "after an epoch", "at the end"], rows


def _number(value: float | None) -> str:
    return "-" if value is None else shown(value)


def output(path: Path, lines: list[str], count: int) -> Iterator[str]:
    """The end of a trial's output.

    Args:
        path: the file of the output.
        lines: its last lines.
        count: the number of its lines.
    """
    if lines:
        yield f"{path}, {'all' if count == len(lines) else 'the last'} {len(lines)} lines:"
        yield from (f"    {line}" for line in lines)
