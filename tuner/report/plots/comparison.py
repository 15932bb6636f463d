"""Pictures of a comparison: the expected best of k trials, and performance profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from matplotlib.transforms import ScaledTranslation

from tuner.report.plots.trials import COLOURS, INK, _canvas, _finish, _loss_scale

DIAMOND: dict[str, Any] = {"linestyle": "", "marker": "D", "markersize": 5}
# Bars at the same k stand so many times apart.
APART = 1.02
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)))


@dataclass(frozen=True)
class BestOfK:
    """One branch: the expected best of k trials with its band, (trials,) each, k from 1; default:
    what the textbook's settings reach, nan if that is not known."""

    name: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    default: float


def style(index: int) -> dict[str, Any]:
    """Colour and dashes of the index-th branch."""
    dashes = DASHES[index // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": dashes, "linewidth": 2}


def draw_best_of_k(curves: Sequence[BestOfK], file: Path, title: str, measure: str) -> None:
    """Draw the expected best against the number of trials, with the textbook's at the right edge.

    Shaded bands of several curves would hide each other: bars show them where k doubles, side by
    side. measure: what was measured, with its unit.
    """
    figure, axes = _canvas(title)
    most = max(len(curve.mean) for curve in curves)
    books = {curve.default for curve in curves if np.isfinite(curve.default)}
    handles = []
    for index, curve in enumerate(curves):
        k, own = np.arange(1, len(curve.mean) + 1), style(index)
        aside = APART ** (index - (len(curves) - 1) / 2)
        at = [2**i - 1 for i in range(len(k).bit_length())]
        axes.vlines(k[at] * aside, curve.low[at], curve.high[at], color=own["color"], linewidth=1.2)
        axes.plot(k, curve.mean, **own)
        if len(books) > 1:
            axes.plot(most * 1.2 * aside, curve.default, color=own["color"], **DIAMOND)
        handles.append(Line2D([], [], label=curve.name, **own))
    bar: dict[str, Any] = {"linestyle": "", "marker": "|", "markersize": 12, "color": INK}
    handles.append(Line2D([], [], label="95 % of resamples", **bar))
    if len(books) == 1:
        axes.plot(most * 1.2, *books, color=INK, **DIAMOND)
    if books:
        handles.append(Line2D([], [], label="textbook settings", color=INK, **DIAMOND))
    axes.set_xscale("log")
    axes.set_xlim(0.9, most * 1.4)
    ticks = [2**i for i in range(most.bit_length())]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    # What a band holds is a guess; the curves themselves set the scale.
    _loss_scale(axes, [v for c in curves for v in (*c.mean, c.default)], room_on_top=False)
    axes.set_xlabel("Trials of a branch, k")
    axes.set_ylabel(f"Expected best of k: {measure}")
    _finish(figure, axes, handles, file)


def draw_profiles(ratios: Mapping[str, Sequence[float]], file: Path, title: str) -> None:
    """Draw performance profiles; ratios: by solver, its cost on each problem over the least."""
    figure, axes = _canvas(title)
    finite = [r for own in ratios.values() for r in own if np.isfinite(r)]
    top = max([2.0, *finite]) * 1.1
    handles = []
    for index, (name, own) in enumerate(ratios.items()):
        solved = np.sort([r for r in own if np.isfinite(r)])
        taus = np.concatenate([[1.0], solved, [top]])
        shares = np.searchsorted(solved, taus, side="right") / len(own)
        # Lines that lie on each other are drawn side by side.
        aside = (index - (len(ratios) - 1) / 2) * style(index)["linewidth"] / 72
        beside = ScaledTranslation(0, aside, figure.dpi_scale_trans)
        axes.step(taus, shares, where="post", transform=axes.transData + beside, **style(index))
        handles.append(Line2D([], [], label=name, **style(index)))
    axes.set_xscale("log")
    axes.set_xlim(1, top)
    axes.set_ylim(-0.03, 1.03)
    ticks = [t for t in (1, 1.5, 2, 3, 5, 10, 20, 50, 100) if t <= top]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("At most so many times the epochs of the fastest")
    axes.set_ylabel("Share of the data sets whose target is reached")
    _finish(figure, axes, handles, file)
