"""Plots of a comparison: the expected best of k trials, and performance profiles."""

import math
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter
from matplotlib.transforms import ScaledTranslation

from tuner.report.plots.style import INK, Style, canvas, finish, line, loss_scale
from tuner.study.comparison_result import Comparison, Profiles, plural

DIAMOND: Style = {"linestyle": "", "marker": "D", "markersize": 5}
# The factor between the positions of bars at the same k.
APART = 1.02


def draw_best_of_k(comparison: Comparison, by: str, unit: str, file: Path) -> None:
    """Draw the expected best of k trials against k, with textbook settings at the right edge.

    Shaded bands of several curves would hide each other. So bars at k = 1, 2, 4, ... show the
    intervals, side by side.

    Args:
        comparison: the comparison of the branches.
        by: the compared group or setting.
        unit: the unit of the loss.
        file: the file of the picture.
    """
    goal, curves = comparison.goal, comparison.curves
    measure = f"validation {unit}" if goal.name == "loss" else goal.title
    figure, axes = canvas(f"Study {comparison.study}: what {plural(by)} reach with k trials")
    most = max(len(own) for own in curves.values())
    known = {name: _textbook(comparison, name) for name in curves}
    books = {default for default in known.values() if np.isfinite(default)}
    handles, heights = [], []
    for index, (name, own) in enumerate(curves.items()):
        k, style = np.arange(1, len(own) + 1), line(index)
        mean = [goal.turn(best) for best in own]
        shift = APART ** (index - (len(curves) - 1) / 2)
        for at, bar in comparison.bars[name].items():
            ends = goal.turn(bar.low), goal.turn(bar.high)
            axes.vlines(at * shift, *ends, color=style["color"], linewidth=1.2)
        axes.plot(k, mean, **style)
        if len(books) > 1:
            axes.plot(most * 1.2 * shift, known[name], color=style["color"], **DIAMOND)
        handles.append(Line2D([], [], label=name, **style))
        heights += [*mean, known[name]]
    mark: Style = {"linestyle": "", "marker": "|", "markersize": 12, "color": INK}
    handles.append(Line2D([], [], label="95 % interval, up to half of the trials", **mark))
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
    # Intervals are uncertain, so only the curves set the scale.
    loss_scale(axes, heights, room_on_top=False)
    axes.set_xlabel("Number of trials k")
    axes.set_ylabel(f"Expected best of k: {measure}")
    finish(figure, axes, handles, file)


def _textbook(comparison: Comparison, name: str) -> float:
    """The mean of a branch's textbook settings; NaN if unknown."""
    default = comparison.branches[name].default
    mean = default.mean.mean if default and default.mean else math.nan
    return comparison.goal.turn(mean)


def draw_profiles(profiles: Profiles, by: str, file: Path) -> None:
    """Draw performance profiles: the share of data sets solved against the epochs allowed.

    Args:
        profiles: the profiles of the branches.
        by: the compared group or setting.
        file: the file of the picture.
    """
    ratios = {n: [math.inf if r is None else r for r in own] for n, own in profiles.ratios.items()}
    figure, axes = canvas(f"How soon {plural(by)} reach the targets of {', '.join(profiles.data)}")
    finite = [r for own in ratios.values() for r in own if np.isfinite(r)]
    top = max([2.0, *finite]) * 1.1
    handles = []
    for index, (name, own) in enumerate(ratios.items()):
        solved = np.sort([r for r in own if np.isfinite(r)])
        taus = np.concatenate([[1.0], solved, [top]])
        shares = np.searchsorted(solved, taus, side="right") / len(own)
        # Coinciding lines are drawn side by side.
        shift = (index - (len(ratios) - 1) / 2) * line(index)["linewidth"] / 72
        shifted = ScaledTranslation(0, shift, figure.dpi_scale_trans)
        axes.step(taus, shares, where="post", transform=axes.transData + shifted, **line(index))
        handles.append(Line2D([], [], label=name, **line(index)))
    axes.set_xscale("log")
    axes.set_xlim(1, top)
    axes.set_ylim(-0.03, 1.03)
    ticks = [t for t in (1, 1.5, 2, 3, 5, 10, 20, 50, 100) if t <= top]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("Epochs, as a multiple of the fastest")
    axes.set_ylabel("Share of the data sets on which the target is reached")
    finish(figure, axes, handles, file)
