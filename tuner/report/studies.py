"""The text of job=list, and of a study without a verdict."""

from collections.abc import Iterator, Sequence

from tuner.report.verdict import exact, number
from tuner.study.overview import UNDER_WAY, Overview, written

COLUMNS = ("study", "state", "trials", "metric", "best", "winner", "when")


def table(studies: Sequence[Overview]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The column names, and a row for each study."""
    return COLUMNS, [_row(own) for own in studies]


def notes(studies: Sequence[Overview]) -> Iterator[str]:
    """Remarks on the states: which process is running a study, or what is damaged."""
    return (f"{own.study}: {own.state}: {own.said}" for own in studies if own.said)


def _row(own: Overview) -> tuple[str, ...]:
    goal, best = own.goal, own.best
    asked = "" if own.asked is None else f" of {own.asked}"
    reached = "-" if best is None or best.value is None else number(goal.turn(best.value))
    done, when = f"{own.trials}{asked}", written(own.when)
    return own.study, own.state, done, goal.name, reached, _winner(own), when


def _winner(own: Overview) -> str:
    winner = own.saved.result.winner if own.saved else None
    if winner is None:
        return "-"
    value = "not finite" if winner.value is None else number(winner.value)
    if winner.low is None or winner.high is None:
        return f"{winner.number}: {value}"
    return f"{winner.number}: {value} ({number(winner.low)} to {number(winner.high)})"


def so_far(own: Overview) -> Iterator[str]:
    """A study without a result: its state, and its best trial so far."""
    asked = "" if own.asked is None else f" of {own.asked}"
    said = f" ({own.said})" if own.said else ""
    yield f"Study {own.study} has no result yet: {own.state}{said}, {own.trials}{asked} trials."
    best = own.best
    if best is None:
        yield "No trial has trained to the end."
    elif best.value is not None:
        reached = f"{own.goal.name} {number(own.goal.turn(best.value))}"
        yield f"The best so far is trial {best.number}, {reached}:"
        yield from exact(best.settings, sorted(best.settings))
    if own.state != UNDER_WAY:
        yield "Give the command that began the study again to continue it."
