"""A study in a notebook cell: its verdict, its best trials and a chart."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from tuner.report.page import template
from tuner.search.space import Space
from tuner.search.trials import Curves
from tuner.study.results import StudyResult

# How JupyterLab and VS Code mark a dark theme, on an element around the cell.
DARK = ':is([data-jp-theme-light="false"], .vscode-dark, .theme-dark)'

OWN = "padding: 12px; border-radius: 8px;"


def text(
    result: StudyResult, curves: Mapping[int, Curves], space: Space, where: Mapping[str, str]
) -> str:
    """HTML for the output of a cell; its style applies to nothing outside of it.

    Args:
        result: the study's result.
        curves: the curves of its trials, by number.
        space: the searched space, with the scales of its ranges.
        where: further views by name, with a path, a command or a URL that opens each.
    """
    from tuner.report import verdict
    from tuner.report.page import curves as of_curves
    from tuner.report.page.shown import Shown

    shown = Shown(result, curves, space)
    charts = [*of_curves.paths(shown), *islice(of_curves.losses_and_scores(shown), 1)]
    filled: str = template("report.cell.jinja").render(
        style=style(),
        result=result,
        headline=verdict.sentences(result),
        best=verdict.table(result) if result.all else None,
        charts=charts[:1],
        where=where,
    )
    return filled


def style() -> str:
    """The style of the page, scoped to the element of a cell."""
    page = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    dark = "@media (prefers-color-scheme: dark) {\n  :root {"
    assert dark in page
    start, _, rest = page.partition(dark)
    colours, _, rest = rest.partition("}\n}\n")
    inside = re.sub(r":root\b|\bbody\b", "&", start + rest)
    return f".tuner-study {{\n{inside}{DARK} & {{{colours}}}\n{OWN}\n}}"
