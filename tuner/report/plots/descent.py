"""Plots of descents: the paths of optimizers over a function, still and animated."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import LogFormatterSciNotation, LogLocator
from PIL import Image

from tuner.report.plots.style import INK, Style, line
from tuner.study.descent import Surface

LEVELS = 18  # number of contours
# This share of the picture lies below the lowest contour. Around a minimum, a function has any
# number of decades; few contours there leave more for the region of the paths.
LOWEST = 0.004
# In inches: the size of the picture, the side of the plane, and the space left of it and above it.
SIZE, SIDE, LEFT, TOP = (9.4, 5.9), 4.6, 0.75, 0.5
SHARP, COARSE = 160, 90  # dots per inch of the still picture and of the animation
FRAMES, MILLISECONDS, HOLD = 80, 70, 2500  # of the animation; its last frame is held
WRAP = 34  # characters in a line of the legend
DOTTED = 60  # up to this many steps, each step has a dot
FAR = 20.0  # in half pictures: points further out are moved there, as a canvas needs small numbers
GROUND = LinearSegmentedColormap.from_list("ground", ["#FFFFFF", "#CBD4DE", "#8F9DAD"])
HALO: list[AbstractPathEffect] = [withStroke(linewidth=3.0, foreground="white", alpha=0.9)]
RING: Style = {
    "linestyle": "",
    "marker": "o",
    "markersize": 9,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 1.8,
    "zorder": 6,
}
STAR: Style = RING | {
    "marker": "*",
    "markersize": 18,
    "markerfacecolor": "#F0E442",
    "markeredgewidth": 0.9,
    "zorder": 3,
}
SQUARE: Style = RING | {
    "marker": "s",
    "markersize": 6.5,
    "markeredgecolor": "white",
    "markeredgewidth": 1.0,
}

LEAVES: Style = RING | {"marker": "x", "markeredgewidth": 2.2, "path_effects": HALO}


@dataclass(frozen=True)
class Descent:
    """A path to draw.

    Attributes:
        note: its text in the legend, in lines.
        points: (steps + 1, 2), the start first, all finite.
    """

    name: str
    note: str
    points: np.ndarray


def draw_descents(
    surface: Surface, descents: Sequence[Descent], title: str, caption: str, still: Path
) -> None:
    """Draw all paths in one picture, `still`, and in an animation (.gif) next to it.

    A path that ends outside has a cross where it finally leaves the picture. If paths are short,
    the still picture has a dot at each step.
    """
    figure, axes = _scene(surface, descents, title, caption)
    few = max(len(descent.points) for descent in descents) <= DOTTED + 1
    dots: Style = {"marker": "o", "markersize": 3} if few else {}
    for descent, style in zip(descents, _styles(len(descents)), strict=True):
        points = shown(surface, descent.points)
        axes.plot(*points.T, **style | dots)
        if surface.leaves_at(descent.points):
            axes.plot(*points[-1], **LEAVES | {"markeredgecolor": style["color"]}, clip_on=False)
        else:
            axes.plot(*points[-1], **SQUARE | {"markerfacecolor": style["color"]})
    figure.savefig(still)
    _draw_moving(surface, descents, title, caption, still.with_suffix(".gif"))


def _draw_moving(
    surface: Surface, descents: Sequence[Descent], title: str, caption: str, file: Path
) -> None:
    """Draws the paths growing step by step; static parts are drawn once."""
    figure, axes = _scene(surface, descents, title, caption)
    figure.set_dpi(COARSE)
    canvas: Any = figure.canvas
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    count = axes.text(0.02, 0.98, "", va="top", color=INK, transform=axes.transAxes, zorder=8)
    count.set_path_effects(HALO)
    moving: list[tuple[np.ndarray, Line2D, Line2D]] = []
    for descent, style in zip(descents, _styles(len(descents)), strict=True):
        head = SQUARE | {"marker": "o", "markerfacecolor": style["color"]}
        (line,), (end,) = axes.plot([], [], **style), axes.plot([], [], **head)
        moving.append((shown(surface, descent.points), line, end))
    steps = max(len(descent.points) for descent in descents) - 1
    frames = []
    for step in np.unique(np.linspace(0, steps, FRAMES).astype(int)):
        canvas.restore_region(ground)
        count.set_text(f"step {step}")
        for points, line, end in moving:
            line.set_data(*points[: step + 1].T)
            end.set_data(*points[: step + 1][-1:].T)
        for artist in (*(m[1] for m in moving), *(m[2] for m in moving), count):
            axes.draw_artist(artist)
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    # The last frame has all colours; with one palette, frames differ only where a path grew.
    colours = frames[-1].quantize(kmeans=1, dither=Image.Dither.NONE)
    first, *others = [f.quantize(palette=colours, dither=Image.Dither.NONE) for f in frames]
    times = [MILLISECONDS] * len(others) + [HOLD]
    first.save(file, save_all=True, append_images=others, duration=times, loop=0)


def _scene(
    surface: Surface, descents: Sequence[Descent], title: str, caption: str
) -> tuple[Figure, Axes]:
    """The contours, the start, the minima and the legend, without the paths."""
    lines = 6 + sum(1.5 + len(wrapped(descent.note)) for descent in descents)
    width, height = SIZE[0], max(SIZE[1], 0.165 * lines)
    figure = Figure(figsize=(width, height), dpi=SHARP)
    FigureCanvasAgg(figure)

    def panel(left: float, right: float) -> Axes:
        """Axes between these distances from the left in inches, as high as the plane."""
        bottom = 1 - (TOP + SIDE) / height
        return figure.add_axes((left / width, bottom, (right - left) / width, SIDE / height))

    axes = panel(LEFT, LEFT + SIDE)
    scale, legend = panel(LEFT + SIDE + 0.2, LEFT + SIDE + 0.34), panel(LEFT + SIDE + 1.1, width)
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=10)
    if surface.is_curve:
        _curve(axes, surface)
        scale.set_axis_off()
    else:
        fill, few = contours(axes, surface)
        _height_scale(axes, scale, fill, few)
    axes.plot(*surface.minima.T, **STAR)
    axes.plot(*surface.start, **RING)
    legend.set_axis_off()
    legend.legend(
        handles=_handles(surface, descents),
        loc="upper left",
        borderaxespad=0,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        labelspacing=0.9,
    )
    if caption:
        axes.annotate(
            caption, (LEFT, 0.12), xycoords=figure.dpi_scale_trans, fontsize=8, color="#666666"
        )
    return figure, axes


def _curve(axes: Axes, surface: Surface) -> None:
    """Draws a function of one variable."""
    axes.plot(surface.x, surface.heights, color="#8F9DAD", linewidth=2.5, zorder=2)
    axes.set(xlabel="x", ylabel="f(x)", xlim=surface.x[[0, -1]], ylim=surface.y[[0, -1]])
    axes.tick_params(colors=INK, labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def contours(axes: Axes, surface: Surface) -> tuple[Any, bool]:
    """Draw the contours of a function of two variables.

    Returns:
        The filled contours, for a colour bar, and whether they span few decades.
    """
    above = surface.heights[surface.heights > 0]
    low, high = float(np.quantile(above, LOWEST)), float(above.max())
    levels = np.geomspace(low, high, LEVELS)
    heights = np.maximum(surface.heights, low / 10)
    norm = LogNorm(low, high)
    fill = axes.contourf(
        surface.x, surface.y, heights, levels, cmap=GROUND, norm=norm, extend="min"
    )
    axes.contour(
        surface.x, surface.y, heights, levels, colors="#56657A", linewidths=0.5, alpha=0.45
    )
    axes.set(xlabel="x", ylabel="y", aspect="equal", anchor="NW")
    axes.set(xlim=surface.x[[0, -1]], ylim=surface.y[[0, -1]])
    _dressed(axes)
    return fill, high < 1e3 * low


def _height_scale(axes: Axes, scale: Axes, fill: Any, few: bool) -> None:
    """The colour bar of the heights; over few decades, it has more labels than powers of ten."""
    bar = axes.figure.colorbar(
        fill,
        cax=scale,
        ticks=LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)),
        format="{x:g}" if few else LogFormatterSciNotation(),
        extendfrac=0,
    )
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label("height above the minimum", color=INK, fontsize=9)
    _dressed(scale)


def _dressed(panel: Axes) -> None:
    panel.tick_params(colors=INK, labelsize=9)
    panel.spines[:].set_visible(False)


def _handles(surface: Surface, descents: Sequence[Descent]) -> list[Line2D]:
    handles = [
        Line2D([], [], label="\n".join([descent.name, *wrapped(descent.note)]), **style)
        for descent, style in zip(descents, _styles(len(descents)), strict=True)
    ]
    handles.append(Line2D([], [], label="start", **RING))
    one = len(surface.minima) == 1
    handles.append(Line2D([], [], label="minimum" if one else "minima", **STAR))
    handles.append(Line2D([], [], label="end", **SQUARE | {"markerfacecolor": INK}))
    if any(surface.leaves_at(descent.points) for descent in descents):
        handles.append(Line2D([], [], label="leaves the picture", **LEAVES))
    return handles


def wrapped(note: str) -> list[str]:
    """A note wrapped to the width of the legend."""
    return [part for line in note.splitlines() for part in wrap(line, WRAP)]


def _styles(count: int) -> list[Style]:
    """The styles of `count` lines that stand out from the contours."""
    return [line(i) | {"linewidth": 1.6, "path_effects": HALO, "zorder": 4} for i in range(count)]


def shown(surface: Surface, points: np.ndarray) -> np.ndarray:
    """The part of a path to draw, up to where it finally leaves the picture: both (steps, 2)."""
    end = surface.leaves_at(points)
    if end:
        a, b = points[end - 1], points[end]
        edge = np.clip(b, surface.low, surface.high)
        share = min((e - s) / (t - s) for s, t, e in zip(a, b, edge, strict=True) if e != t)
        crossing = np.clip(a + share * (b - a), surface.low, surface.high)
        points = np.vstack([points[:end], crossing])
    middle, half = (surface.low + surface.high) / 2, (surface.high - surface.low) / 2
    away = np.abs((points - middle) / half).max(axis=1, keepdims=True)
    near: np.ndarray = middle + (points - middle) * np.minimum(1, FAR / np.maximum(away, 1))
    return near
