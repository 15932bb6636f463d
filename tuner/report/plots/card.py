"""Pictures of an optimizer's card: loss against rate on each data set, paths on test functions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image

from tuner.report.plots.descent import LEAVES, RING, SQUARE, STAR, contours, shown
from tuner.report.plots.style import COLOURS, CROSS, GREY, INK, canvas, cross_at_edge, line
from tuner.study.card import Card, Drawn

# Few colours and a low resolution keep files small: the pages show two pictures per optimizer.
DPI, COARSE, PALETTE, MOST_COLUMNS = 100, 70, 32, 3
# The range of losses, relative to the one before training, that is shown.
HIGHEST, LOWEST = 1.5, 1e-4


def draw_rates(card: Card, file: Path) -> None:
    """Draw the loss against the rate, with each data set's basin below, and the default range."""
    figure, axes = canvas(f"{card.optimizer}: loss against rate after {card.epochs} epochs", DPI)
    axes.set(xscale="log", yscale="log", xlabel="Learning rate (log scale)")
    axes.set_ylabel("Validation loss / its value before training")
    handles: list[Line2D | Patch] = []
    seen = [1.0]
    for index, (name, own) in enumerate(card.data.items()):
        style = line(index) | {"linewidth": 1.6}
        losses = np.array(own.losses, dtype=float)
        drawn = np.where(losses <= HIGHEST, np.maximum(losses, LOWEST), np.nan)
        seen += drawn[np.isfinite(drawn)].tolist()
        axes.plot(own.rates, drawn, marker="o", markersize=2.5, **style)
        if own.basin is not None:
            height = 0.035 + 0.025 * index
            ends = [own.basin.low / 1.1, own.basin.high * 1.1]
            transform = axes.get_xaxis_transform()
            colour = style["color"]
            axes.plot(ends, [height] * 2, color=colour, linewidth=4, transform=transform)
        if gone := [r for r, loss in zip(own.rates, own.losses, strict=True) if loss is None]:
            cross_at_edge(axes, gone)
        handles.append(Line2D([], [], label=name, **style))
    low, high = card.asked.low, card.asked.high
    axes.axvspan(low, high * (1 + 1e-9), color=GREY, alpha=0.25, linewidth=1, zorder=0)
    bottom = min(seen) * (min(seen) / HIGHEST) ** 0.22
    axes.set_ylim(bottom, HIGHEST * 1.3)
    handles.append(Line2D([], [], color=INK, linewidth=4, label="its basin, in its colour"))
    handles.append(Patch(color=GREY, alpha=0.4, label="searched by default"))
    if any(loss is None for own in card.data.values() for loss in own.losses):
        handles.append(Line2D([], [], linestyle="", label="a run diverged", **CROSS))
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9
    )
    save(figure, file)


def draw_paths(card: Card, drawn: Mapping[str, Drawn], file: Path) -> None:
    """Draw the path on each function in its own panel."""
    columns = min(MOST_COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(2.9 * columns, 2.9 * rows + 0.3), dpi=COARSE, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{card.optimizer}: the lowest of its paths", x=0.01, ha="left", color=INK)
    for index, (name, own) in enumerate(drawn.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        contours(axes, own.surface)
        points = shown(own.surface, own.path.points)
        colour = COLOURS[0]
        axes.plot(*points.T, color=colour, linewidth=1.5, zorder=4)
        axes.plot(*own.surface.minima.T, **STAR | {"markersize": 11})
        axes.plot(*own.surface.start, **RING | {"markersize": 6})
        if own.path.left or own.surface.leaves_at(own.path.points):
            axes.plot(*points[-1], **LEAVES | {"markeredgecolor": colour}, clip_on=False)
        else:
            axes.plot(*points[-1], **SQUARE | {"markerfacecolor": colour})
        axes.set(xlabel="", ylabel="")
        axes.tick_params(labelsize=7)
        axes.set_title(name, fontsize=9, color=INK, loc="left")
    save(figure, file)


def save(figure: Figure, file: Path) -> None:
    """Saves a picture in few colours, atomically."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    draft = file.with_name(f"new.{file.name}")
    small = image.quantize(PALETTE, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(draft, "PNG", optimize=True)
    draft.replace(file)
