"""The plot of schedules: learning rates during the training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from tuner.report.plots.style import COLOURS, Style, canvas, dressed, finish, line
from tuner.report.schedules import ScheduleCurve


def draw_schedules(curves: Sequence[ScheduleCurve], file: Path) -> None:
    """Draw rates against the share of the training and, below, the momenta if there are any.

    A single schedule is drawn with the band of its ranges.
    """
    title = curves[0].name if len(curves) == 1 else "Schedules"
    ranges = len(curves) == 1 and bool((curves[0].high > curves[0].low).any())
    cycled = [curve for curve in curves if curve.momenta is not None]
    figure, axes = canvas(f"{title}: the learning rate during the training")
    panels = [axes]
    if cycled:
        figure.set_size_inches(7.6, 5.8)
        grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1))
        axes.set_subplotspec(grid[0])
        panels.append(dressed(figure.add_subplot(grid[1], sharex=axes)))
        axes.tick_params(labelbottom=False)
    handles = []
    for index, curve in enumerate(curves):
        style = line(index)
        label = f"{curve.name}\n{curve.note}" if curve.note else curve.name
        if ranges:
            shade: Style = {"color": style["color"], "alpha": 0.13, "linewidth": 0}
            axes.fill_between(curve.shares, curve.low, curve.high, **shade)
        axes.plot(curve.shares, curve.rates, **style)
        if curve.momenta is not None:
            panels[1].plot(curve.shares, curve.momenta, **style)
        handles.append(Line2D([], [], label=label, **style))
    if ranges:
        band: Style = {"color": COLOURS[0], "alpha": 0.2, "linewidth": 8}
        handles.append(Line2D([], [], label="within the ranges", **band))
    _rate_scale(axes, curves, max(float((c.high if ranges else c.rates).max()) for c in curves))
    axes.set_ylabel("Learning rate (multiples of lr)")
    if cycled:
        panels[1].set_ylabel(cycled[0].momentum)
        figure.align_ylabels(panels)
        panels[1].margins(y=0.12)
    panels[-1].set_xlim(0, 1)
    panels[-1].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[-1].set_xlabel("Share of the training")
    finish(figure, axes, handles, file)


def _rate_scale(axes: Axes, curves: Sequence[ScheduleCurve], top: float) -> None:
    """Uses a log axis if a linear one would press half of a curve against the bottom."""
    tops = [curve.rates.max() for curve in curves]
    pressed = any(np.median(c.rates) < 0.05 * top for c, top in zip(curves, tops, strict=True))
    apart = max(tops) > 20 * min(tops)
    if pressed or apart:
        axes.set_yscale("log")
        positive = [c.rates[c.rates > 0] for c in curves]
        # Rates below this share of the top are negligible, and the curve may leave the picture.
        lowest = max(min(float(rates.min()) for rates in positive), 1e-6 * min(tops))
        axes.set_ylim(lowest / 1.5, top * 1.5)
    else:
        axes.set_ylim(0, top * 1.05)
