"""The whole outcome of a study, as its command and job=show print it."""

from collections.abc import Mapping
from pathlib import Path

from tuner.report import terminal, verdict
from tuner.report.claim import claim
from tuner.report.page import REPORT
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

# The first points of trials on a function are told where a study has no more trials than this.
FEW = 12


def outcome(
    result: StudyResult, curves: Mapping[int, Curves], folder: Path, shown: str
) -> terminal.Told:
    """The verdict, and how to look at what it rests on.

    Args:
        result: how the study ended.
        curves: of its trials, by number.
        folder: of the study.
        shown: what opens the page of all curves; "" where there is none.
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
