"""The picture of a range test: losses and their slope against the learning rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tuner.report.plots.trials import (
    COLOURS,
    CROSS,
    INK,
    _canvas,
    _cross_on_top,
    _dressed,
    _finish,
    _loss_scale,
)

BLUE, ORANGE, GREEN, PURPLE = COLOURS[:4]
RAMP = "#8A8A8A"


@dataclass(frozen=True)
class RangePicture:
    """What is drawn of one optimizer's range test; nan where a run diverged.

    rates: (rates,); losses: (seeds, rates), training losses of the short runs; start: their mean
    before the first step; slope: (rates,), for a factor of ten; ramp_rates: (steps,), ramp: its
    smoothed losses by seed, (steps,) or shorter; low, high, suggested, stable: rates, nan if there
    are none; confirmed: the rates (n,) of longer runs and their losses (n,), the mean over their
    seeds, and what these measure.
    """

    title: str
    loss: str
    epochs: int
    rates: np.ndarray
    losses: np.ndarray
    start: float
    slope: np.ndarray
    ramp_rates: np.ndarray
    ramp: Sequence[np.ndarray]
    low: float
    high: float
    suggested: float
    stable: float
    confirmed: tuple[np.ndarray, np.ndarray, str]


def draw_range(picture: RangePicture, file: Path) -> None:
    """Draw losses against the rate; below, their slope, at its lowest where they fall most."""
    figure, axes = _canvas(picture.title)
    figure.set_size_inches(8.4, 5.8)
    grid = figure.add_gridspec(2, 1, height_ratios=(2.6, 1))
    axes.set_subplotspec(grid[0])
    below = _dressed(figure.add_subplot(grid[1], sharex=axes))
    axes.tick_params(labelbottom=False)
    handles = [*_short_runs(axes, picture), *_longer_runs(axes, picture), *_ramp(axes, picture)]
    handles += _marks((axes, below), picture)
    gone = picture.rates[np.isnan(picture.losses).any(axis=0)]
    if gone.size:
        _cross_on_top(axes, gone.tolist())
        handles.append(Line2D([], [], linestyle="", label="a run diverged", **CROSS))
    below.axhline(0, color="#999999", linewidth=0.8)
    below.plot(picture.rates, picture.slope, color=BLUE, linewidth=2)
    falling = picture.slope[np.isfinite(picture.slope)]
    if falling.size:
        deepest = max(-float(falling.min()), 1e-12)
        below.set_ylim(-1.25 * deepest, 0.8 * deepest)
    axes.set_xscale("log")
    axes.set_xlim(picture.rates[0] / 1.2, picture.rates[-1] * 1.2)
    calm = np.where(picture.losses <= 1.5 * picture.start, picture.losses, np.nan)
    shown = [*calm.ravel(), picture.start, *picture.confirmed[1]]
    _loss_scale(axes, [loss for loss in shown if loss <= 1.5 * picture.start], bool(gone.size))
    axes.set_ylabel(picture.loss[0].upper() + picture.loss[1:])
    below.set_ylabel("Slope per decade")
    below.set_xlabel("Learning rate (log scale)")
    figure.align_ylabels([axes, below])
    _finish(figure, axes, handles, file)


def _short_runs(axes: Any, picture: RangePicture) -> list[Line2D]:
    """Each seed's losses thin, their mean thick, and where all began."""
    for own in picture.losses:
        axes.plot(picture.rates, own, color=BLUE, linewidth=0.8, alpha=0.45)
    mean: dict[str, Any] = {"color": BLUE, "linewidth": 2.2, "marker": "o", "markersize": 3.5}
    axes.plot(picture.rates, picture.losses.mean(axis=0), zorder=4, **mean)
    axes.axhline(picture.start, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    return [
        Line2D(
            [], [], label=f"training loss after\n{picture.epochs} epochs (thin: a seed)", **mean
        ),
        Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (1, 2)), label="before training"),
    ]


def _longer_runs(axes: Any, picture: RangePicture) -> list[Line2D]:
    rates, losses, measure = picture.confirmed
    if not np.isfinite(losses).any():
        return []
    style: dict[str, Any] = {"linestyle": "", "marker": "D", "markersize": 7}
    style |= {"color": ORANGE, "markeredgecolor": "white"}
    axes.plot(rates, losses, zorder=6, **style)
    return [Line2D([], [], label=measure, **style)]


def _ramp(axes: Any, picture: RangePicture) -> list[Line2D]:
    style: dict[str, Any] = {"color": RAMP, "linewidth": 1.0, "linestyle": (0, (4, 2))}
    for own in picture.ramp:
        axes.plot(picture.ramp_rates[: len(own)], own, zorder=1, **style)
    return [Line2D([], [], label="classic ramp, smoothed", **style)] if picture.ramp else []


def _marks(panels: Sequence[Any], picture: RangePicture) -> list[Any]:
    """The range shaded, the suggested and the largest stable rate as lines."""
    handles: list[Any] = []
    if np.isfinite(picture.suggested):
        for axes in panels:
            axes.axvspan(picture.low, picture.high, color=GREEN, alpha=0.12, linewidth=0, zorder=0)
            axes.axvline(picture.suggested, color=GREEN, linewidth=2, zorder=3)
        text = f"worth searching:\n{picture.low:.3g} to {picture.high:.3g}"
        handles.append(Patch(color=GREEN, alpha=0.2, label=text))
        text = f"suggested: {picture.suggested:.3g}"
        handles.append(Line2D([], [], color=GREEN, linewidth=2, label=text))
    if np.isfinite(picture.stable):
        for axes in panels:
            axes.axvline(picture.stable, color=PURPLE, linewidth=1.4, linestyle="--", zorder=2)
        text = f"largest stable: {picture.stable:.3g}"
        handles.append(Line2D([], [], color=PURPLE, linewidth=1.4, linestyle="--", label=text))
    return handles
