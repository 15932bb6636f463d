"""What all plots share: the canvas, colours, axes and legend."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

# Okabe and Ito's palette, which colour-blind readers can tell apart. Vermilion is for divergence.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#806000")
RED, GREY, INK = "#D55E00", "#B8B8B8", "#333333"
# Keyword arguments for matplotlib.
Style = dict[str, Any]

CROSS: Style = {"marker": "x", "markersize": 7, "markeredgewidth": 1.6, "color": RED}
# They distinguish groups of one colour. Textbook settings have a diamond, divergence a cross.
MARKERS = "osv^Ph<>"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))
TOP = 0.965  # the position of the crosses, as a share of the height

# The handles in one column of a legend, and the width of a further column in inches.
COLUMN, COLUMN_WIDTH = 18, 1.5


def canvas(title: str, dpi: int = 160) -> tuple[Figure, Axes]:
    """An empty picture with a title, at this resolution; it needs no screen."""
    figure = Figure(figsize=(7.6, 4.4), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=10)
    return figure, dressed(axes)


def dressed(axes: Axes) -> Axes:
    """Axes with the grid and the colours of all pictures."""
    axes.grid(color="#E6E6E6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[["left", "bottom"]].set_color("#999999")
    return axes


def finish(
    figure: Figure,
    axes: Axes,
    handles: Sequence[Line2D],
    file: Path,
    says: Mapping[str, str] | None = None,
) -> None:
    """Put the legend beside the data, never over it, and save the file atomically.

    Args:
        figure, axes: the picture.
        handles: the handles of the legend.
        file: the file to save.
        says: text chunks of the PNG, by keyword.
    """
    if handles:
        columns = -(-len(handles) // COLUMN)
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + COLUMN_WIDTH * (columns - 1), height)
        axes.legend(
            handles=handles,
            ncols=columns,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            fontsize=9,
            labelcolor=INK,
        )
    draft = file.with_name(f"new.{file.name}")
    figure.savefig(draft, metadata=dict(says or {}))
    draft.replace(file)


def cross_at_edge(axes: Axes, places: Sequence[float], height: float = TOP) -> None:
    """Mark divergence at the worse edge, because an exploded loss has no height to draw.

    Args:
        axes: the axes to draw on.
        places: positions along the horizontal axis.
        height: the height of the edge, as a share.
    """
    heights = [height] * len(places)
    transform = axes.get_xaxis_transform()
    axes.plot(places, heights, linestyle="", transform=transform, zorder=5, **CROSS)


def loss_scale(axes: Axes, losses: Sequence[float] | np.ndarray, room_on_top: bool) -> None:
    """Use a log axis if every loss is positive, with limits from these losses only."""
    losses = np.asarray(losses, dtype=float)
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    share = 0.16 if room_on_top else 0.05
    if low > 0:
        axes.set_yscale("log")
        ratio = max(high / low, 1.2)
        axes.set_ylim(low * ratio**-0.06, low * ratio ** (1 + share))
        if ratio < 100:  # less than two decades: label more than the powers of ten
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        span = max(high - low, 1e-12)
        axes.set_ylim(low - 0.06 * span, high + share * span)


def first_capital(words: str) -> str:
    """Words as an axis label; only the first letter changes, so a user's names keep their case."""
    return words[:1].upper() + words[1:]


def colours(count: int) -> list[str]:
    """The first `count` colours; the palette repeats if it is too short."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def line(index: int) -> Style:
    """The colour and the dashes of the index-th line; dashes distinguish lines of one colour."""
    dashes = DASHES[index // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": dashes, "linewidth": 2}


def marker(index: int) -> str:
    """The marker of the index-th group."""
    return MARKERS[index // len(COLOURS) % len(MARKERS)]


def dot(colour: str, label: str, size: float = 7, shape: str = "o") -> Line2D:
    """A dot for the legend, or another marker."""
    return Line2D([], [], linestyle="", marker=shape, color=colour, markersize=size, label=label)
