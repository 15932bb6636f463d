"""The plot of a range test: losses and their slope by learning rate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tuner.report.plots.style import (
    COLOURS,
    CROSS,
    INK,
    Style,
    canvas,
    cross_at_edge,
    dressed,
    finish,
    loss_scale,
)
from tuner.report.range_test import WORDS
from tuner.study.range_result import FoundRange, RangeTest, TestedRates

BLUE, ORANGE, GREEN, PURPLE = COLOURS[:4]
RAMP = "#8A8A8A"
# Losses above this multiple of the start are outside the picture.
HIGHEST = 1.5


def draw(test: RangeTest, optimizer: str, unit: str, file: Path) -> None:
    """Draw losses against the rate and, below, their slope, which is lowest where losses fall most.

    Args:
        test: the whole test.
        optimizer: the optimizer to draw.
        unit: the unit of the loss.
        file: the file of the picture.
    """
    tested = test.optimizers[optimizer]
    rates, losses, slope = tested.rates, array(tested.losses), array(tested.slope)
    start = float(array(tested.initial).mean())
    figure, axes = canvas(f"Range test of {test.study}: at which learning rates {optimizer} trains")
    figure.set_size_inches(8.4, 5.8)
    grid = figure.add_gridspec(2, 1, height_ratios=(2.6, 1))
    axes.set_subplotspec(grid[0])
    below = dressed(figure.add_subplot(grid[1], sharex=axes))
    axes.tick_params(labelbottom=False)
    handles = _short_runs(axes, tested, losses, start, test.epochs)
    if isinstance(tested, FoundRange):
        handles += _longer_runs(axes, tested, test.longer)
    handles += _ramp(axes, tested)
    if isinstance(tested, FoundRange):
        handles += _marks((axes, below), tested)
    gone = np.array(rates)[np.isnan(losses).any(axis=0)]
    if gone.size:
        cross_at_edge(axes, gone.tolist())
        handles.append(Line2D([], [], linestyle="", label="some run diverged", **CROSS))
    below.axhline(0, color="#999999", linewidth=0.8)
    below.plot(rates, slope, color=BLUE, linewidth=2)
    falling = slope[np.isfinite(slope)]
    if falling.size:
        deepest = max(-float(falling.min()), 1e-12)
        below.set_ylim(-1.25 * deepest, 0.8 * deepest)
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / 1.2, rates[-1] * 1.2)
    longer = array(tested.confirmation.means) if isinstance(tested, FoundRange) else np.empty(0)
    shown = np.concatenate([losses.ravel(), [start], longer])
    loss_scale(axes, shown[shown <= HIGHEST * start], bool(gone.size))
    axes.set_ylabel(unit[0].upper() + unit[1:])
    below.set_ylabel("Slope per decade")
    below.set_xlabel("Learning rate (log scale)")
    figure.align_ylabels([axes, below])
    finish(figure, axes, handles, file)


def array(numbers: Sequence[Any]) -> np.ndarray:
    """Numbers of a result as an array, with NaN in place of None."""
    return np.array(numbers, dtype=float)


def _short_runs(
    axes: Any, tested: TestedRates, losses: np.ndarray, start: float, epochs: int
) -> list[Any]:
    """Draws each seed's losses thin, their mean thick, and the start."""
    for seed in losses:
        axes.plot(tested.rates, seed, color=BLUE, linewidth=0.8, alpha=0.45)
    mean: Style = {"color": BLUE, "linewidth": 2.2, "marker": "o", "markersize": 3.5}
    dots: Style = {"color": INK, "linewidth": 0.9, "linestyle": (0, (1, 2))}
    axes.plot(tested.rates, losses.mean(axis=0), zorder=4, **mean)
    axes.axhline(start, **dots)
    return [
        Line2D([], [], label=f"training loss after\n{epochs} epochs (thin: single seeds)", **mean),
        Line2D([], [], label="before training", **dots),
    ]


def _longer_runs(axes: Any, found: FoundRange, epochs: int) -> list[Line2D]:
    rates, means = found.confirmation.rates, array(found.confirmation.means)
    if not np.isfinite(means).any():
        return []
    style: Style = {"linestyle": "", "marker": "D", "markersize": 7}
    style |= {"color": ORANGE, "markeredgecolor": "white"}
    axes.plot(rates, means, zorder=6, **style)
    label = f"{WORDS[found.confirmation.measure]} after\n{epochs} epochs"
    return [Line2D([], [], label=label, **style)]


def _ramp(axes: Any, tested: TestedRates) -> list[Line2D]:
    style: Style = {"color": RAMP, "linewidth": 1.0, "linestyle": (0, (4, 2))}
    for seed in tested.ramp.smoothed:
        axes.plot(array(tested.ramp.rates)[: len(seed)], array(seed), zorder=1, **style)
    return [Line2D([], [], label="classic ramp, smoothed", **style)]


def _marks(panels: Sequence[Any], found: FoundRange) -> list[Any]:
    """Shades the range, and draws the suggested and the largest stable rate as lines."""
    suggested: Style = {"color": GREEN, "linewidth": 2}
    stable: Style = {"color": PURPLE, "linewidth": 1.4, "linestyle": "--"}
    low, high = found.range.low, found.range.high
    for axes in panels:
        axes.axvspan(low, high, color=GREEN, alpha=0.12, linewidth=0, zorder=0)
        axes.axvline(found.suggested, zorder=3, **suggested)
        axes.axvline(found.bracket.stable, zorder=2, **stable)
    return [
        Patch(color=GREEN, alpha=0.2, label=f"worth searching:\n{low:.3g} to {high:.3g}"),
        Line2D([], [], label=f"suggested: {found.suggested:.3g}", **suggested),
        Line2D([], [], label=f"largest stable: {found.bracket.stable:.3g}", **stable),
    ]
