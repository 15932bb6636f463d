"""The text of a promotion: whether the winner is the new champion, and the numbers."""

from collections.abc import Iterator

from tuner.errors import printable
from tuner.report import terminal
from tuner.study.contest import LEVEL, Contest
from tuner.study.promotion import Promotion


def verdict(found: Promotion) -> str:
    """The headline."""
    name = f"version {found.version} of {found.model}"
    winner = f"the winner of study {found.study}"
    if found.already:
        line = f"{name}, {winner}, is already the champion"
    elif found.alias == "champion":
        line = f"Champion: {name}, {winner}: {_numbers(found)}"
    elif found.contest is None:
        line = (
            f"Challenger: {name}, {winner}. It was not compared with the champion, version "
            f"{found.champion}, which stays: {found.said}"
        )
    else:
        stays = "" if found.champion is None else "; the champion stays"
        line = f"Challenger: {name}, {winner}: {_numbers(found)}{stays}"
    return printable(f"{line[0].upper()}{line[1:]}.")


def evidence(found: Promotion) -> Iterator[str]:
    """The lines below the headline."""
    contest = found.contest
    if contest is not None and contest.said:
        yield printable(f"{contest.said[0].upper()}{contest.said[1:]}.")
    if found.left_out:
        yield (
            f"{found.left_out} test rows do not count: the champion was trained on them, and this "
            "winner was not."
        )
    if contest is None and not found.already:
        yield printable(
            f"To start over without that champion, delete the alias champion of {found.model} in "
            "MLflow and promote again."
        )
    yield printable(f"Load it: mlflow.pyfunc.load_model('models:/{found.model}@{found.alias}').")


def told(found: Promotion) -> terminal.Told:
    """What job=promote prints."""
    style = terminal.SURE if found.alias == "champion" else terminal.DOUBTFUL
    return terminal.Told([verdict(found)], evidence=[*evidence(found)], style=style)


def _numbers(found: Promotion) -> str:
    contest = found.contest
    assert contest is not None
    of = f" (study {found.of})" if found.of else ""
    other = "a constant prediction" if found.champion is None else f"version {found.champion}{of}"
    return (
        f"{contest.metric} {contest.ours:.6g} against {contest.theirs:.6g} of {other}, on the same "
        f"{contest.rows} test rows; {tested(contest)}"
    )


def tested(contest: Contest) -> str:
    """The test with its p-value."""
    rule = (
        ("at most")
        if contest.won
        else "more than"
        if contest.p > LEVEL
        else "no gain, at a level of"
    )
    return f"{contest.test}, one-sided p = {contest.p:.3g}, {rule} {LEVEL}"


def note(found: Promotion) -> str:
    """The description of a version, in Markdown."""
    return "\n\n".join([verdict(found), *evidence(found)])
