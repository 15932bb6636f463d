"""The report: one HTML page with all of a study, which opens from disk and needs no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner import files
from tuner.function import program_of, typed
from tuner.search.space import Space
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

REPORT = "report.html"

# The content security policy: a browser may only show the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write(
    result: StudyResult,
    curves: Mapping[int, Curves],
    path: Path,
    space: Space,
    times: Mapping[int, tuple[int, int]] | None = None,
) -> None:
    """Writes the page; sections without content are left out.

    Args:
        result: the study's result.
        curves: the curves of its trials, by number.
        path: the file of the page.
        space: the searched space, with the scales of its ranges.
        times: when each trial began and ended, in milliseconds since 1970, by number.

    Raises:
        OSError: if the disk is full.
    """
    files.write(path, [text(result, curves, space, times or {})])


def text(
    result: StudyResult,
    curves: Mapping[int, Curves],
    space: Space,
    times: Mapping[int, tuple[int, int]],
) -> str:
    """The text of the page; the arguments are those of `write`."""
    from tuner.report import verdict
    from tuner.report.page import curves as of_curves
    from tuner.report.page import search, settings
    from tuner.report.page.shown import MOST, Shown
    from tuner.search.importance import FEWEST, LARGEST, WIDEST

    shown = Shown(result, curves, space, times)
    filled: str = template("report.html.jinja").render(
        policy=POLICY,
        result=result,
        headline=verdict.sentences(result),
        best=verdict.table(result) if result.all else None,
        evidence=verdict.evidence(result, {}),
        thinned=f"Of {len(shown.ended)} trials at most {MOST} are drawn: the best, and an "
        "even selection of the others." if len(shown.drawn) < len(shown.ended) else "",
        curves=[*of_curves.paths(shown), *of_curves.losses_and_scores(shown)],
        rates=list(settings.rates(shown)),
        settings=list(settings.each(shown)),
        together=[*settings.contour(shown), *settings.parallel(shown)],
        history=[*search.history(shown), *search.reached(shown)],
        timeline=list(search.timeline(shown)),
        spent=search.spent(shown),
        forest=list(search.forest(shown)),
        winning=[] if result.winner is None else sorted(result.winner.settings.items()),
        number=verdict.number,
        ui=typed(program_of(result.reproduce or result.next_round), "job=ui"),
        fewest=FEWEST,
        largest=LARGEST,
        widest=WIDEST,
    )  # fmt: skip
    return filled


def template(name: str) -> Any:
    """A template of this folder, with autoescaping."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(name)
