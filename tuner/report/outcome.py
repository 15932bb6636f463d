"""The outcome of a study: what its command and job=show print."""

from collections.abc import Mapping
from pathlib import Path

from tuner.report import terminal, verdict
from tuner.report.claim import claim
from tuner.report.page import REPORT
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

# For trials on a function, first points are shown if the study has at most this many trials.
FEW = 12


def outcome(
    result: StudyResult, curves: Mapping[int, Curves], folder: Path, shown: str
) -> terminal.Told:
    """The verdict, and where to find its evidence.

    Args:
        result: the study's result.
        curves: the curves of its trials, by number.
        folder: the study's folder.
        shown: the command that opens the page of all curves; "" if there is none.
    """
    evidence = verdict.evidence(result, curves if len(result.all) <= FEW else {})
    where = [f"Report: {folder / REPORT}; pictures, settings and all results are beside it."]
    model = folder / "model"
    if "function" in result.setup and model.is_dir():
        where.append(f"Model: what the winner saved is in {model}.")
    where += [f"All curves: {shown}"] if shown else []
    return terminal.Told(
        headline=verdict.headline(result),
        tables={"": verdict.table(result)} if result.all else {},
        evidence=[*evidence, *where],
        style=terminal.DOUBTFUL if claim(result).is_doubtful else terminal.SURE,
    )
