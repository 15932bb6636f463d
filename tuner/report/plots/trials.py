"""Pictures: which learning rates of a study worked, how its losses fell, and schedules."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

# Okabe and Ito's palette: told apart by colour-blind readers too. Vermilion is for divergence.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#806000")
RED, GREY, INK = "#D55E00", "#B8B8B8", "#333333"
CROSS: dict[str, Any] = {"marker": "x", "markersize": 7, "markeredgewidth": 1.6, "color": RED}
TOP = 0.965  # where the crosses are, as a share of the height
SHOWN_DIVERGED = 3  # curves of diverged trials drawn in red; more would hide the rest


@dataclass(frozen=True, eq=False)
class TrialCurve:
    """What one trial did: its losses, one value an epoch."""

    number: int
    group: str  # the optimizer
    learning_rate: float
    state: str
    epochs: Sequence[int]
    train_loss: Sequence[float] | np.ndarray
    validation_loss: Sequence[float] | np.ndarray

    @property
    def best(self) -> float:
        """The lowest finite validation loss; nan if there is none."""
        losses = np.asarray(self.validation_loss, dtype=float)
        losses = losses[np.isfinite(losses)]
        return float(losses.min()) if losses.size else float("nan")


def rank(trials: Sequence[TrialCurve]) -> list[TrialCurve]:
    """Trials that trained to the end, the winner first: by their last validation loss."""
    complete = [t for t in trials if t.state == "COMPLETE" and np.isfinite(t.validation_loss[-1])]
    return sorted(complete, key=lambda t: (t.validation_loss[-1], t.number))


def learning_rates(
    trials: Sequence[TrialCurve], file: Path, title: str, loss: str = "loss"
) -> None:
    """Draw best validation loss against learning rate, one point a trial, a colour a group.

    `loss` names what was measured and its unit, such as "cross-entropy (nats)".
    """
    figure, axes = _canvas(f"{title}: which learning rates worked")
    groups = sorted({trial.group for trial in trials})
    usable = [trial for trial in trials if trial.state != "DIVERGED" and np.isfinite(trial.best)]
    for group, colour in zip(groups, _colours(len(groups)), strict=True):
        for pruned in (True, False):
            own = [
                trial
                for trial in usable
                if trial.group == group and (trial.state == "PRUNED") == pruned
            ]
            axes.scatter(
                [trial.learning_rate for trial in own],
                [trial.best for trial in own],
                s=22 if pruned else 40,
                facecolor=colour,
                edgecolor="white",
                linewidth=0.6,
                alpha=0.4 if pruned else 0.95,
                zorder=2 if pruned else 3,
            )
    diverged = [trial.learning_rate for trial in trials if trial.state == "DIVERGED"]
    _cross_on_top(axes, diverged)
    finished = rank(trials)
    if finished:
        best = finished[0]
        axes.scatter(
            best.learning_rate, best.best, s=170, facecolor="none", edgecolor=INK, linewidth=1.5
        )
    axes.set_xscale("log")
    axes.set_xlabel("Learning rate (log scale)")
    axes.set_ylabel(f"Best validation {loss}")
    _loss_scale(axes, [trial.best for trial in usable], room_on_top=bool(diverged))
    handles = [
        _dot(colour, group) for group, colour in zip(groups, _colours(len(groups)), strict=True)
    ]
    if any(trial.state == "PRUNED" for trial in usable):
        handles.append(_dot(GREY, "pruned (lighter)", size=5))
    if finished:
        ring = _dot(INK, f"best: trial {best.number}", size=10)
        ring.set_markerfacecolor("none")
        handles.append(ring)
    if diverged:
        handles.append(Line2D([], [], linestyle="", label=f"diverged ({len(diverged)})", **CROSS))
    _finish(figure, axes, handles, file)


def loss_curves(trials: Sequence[TrialCurve], file: Path, title: str, loss: str = "loss") -> None:
    """Draw validation loss against epoch: the best, a typical and diverged trials stand out.

    `loss` names what was measured and its unit, such as "cross-entropy (nats)".
    """
    figure, axes = _canvas(f"{title}: how the loss fell")
    diverged = [trial for trial in trials if trial.state == "DIVERGED"][:SHOWN_DIVERGED]
    complete = rank(trials)
    best, typical = complete[:1], complete[len(complete) // 2 :][:1]
    # One artist, for a line of its own takes some 10 kB a trial.
    others = [_finite(trial) for trial in trials if trial not in diverged + best + typical]
    grey = LineCollection(
        [np.column_stack(line) for line in others], colors=GREY, linewidths=0.7, alpha=0.6, zorder=1
    )
    axes.add_collection(grey)
    handles = []
    for chosen, colour, name in (
        (best, COLOURS[0], "best"),
        ([] if typical == best else typical, COLOURS[1], "typical (median)"),
    ):
        for trial in chosen:
            (line,) = axes.plot(*_finite(trial), color=colour, linewidth=2.2, zorder=4)
            axes.plot(
                trial.epochs, trial.train_loss, color=colour, linewidth=1.3, linestyle=":", zorder=4
            )
            line.set_label(f"{name}: trial {trial.number}")
            handles.append(line)
    if handles:
        handles.append(Line2D([], [], color=INK, linestyle=":", label="training loss of the same"))
    if diverged:
        count = sum(trial.state == "DIVERGED" for trial in trials)
        shown = f"{len(diverged)} of {count}" if count > len(diverged) else f"{count}"
        handles.append(Line2D([], [], label=f"diverged ({shown})", **CROSS))
    if len(trials) > len(best + typical + diverged):
        handles.append(Line2D([], [], color=GREY, label="other trials"))
    calm = [_finite(trial)[1] for trial in trials if trial.state != "DIVERGED"]
    calm += [np.asarray(trial.train_loss, dtype=float) for trial in best + typical]
    _loss_scale(axes, np.concatenate([np.empty(0), *calm]), room_on_top=bool(diverged))
    for trial in diverged:
        _leave(axes, *_finite(trial))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Epoch")
    axes.set_ylabel(f"Validation {loss}")
    _finish(figure, axes, handles, file)


def _canvas(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, 4.4), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=10)
    return figure, _dressed(axes)


def _dressed(axes: Axes) -> Axes:
    axes.grid(color="#E6E6E6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[["left", "bottom"]].set_color("#999999")
    return axes


def _finish(figure: Figure, axes: Axes, handles: Sequence[Line2D], file: Path) -> None:
    """Put the legend beside the data, never over it, and save."""
    if handles:
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            fontsize=9,
            labelcolor=INK,
        )
    figure.savefig(file)


def _cross_on_top(axes: Axes, where: Sequence[float]) -> None:
    """Mark divergence on the top edge: a loss that exploded has no height to be drawn at."""
    height = [TOP] * len(where)
    transform = axes.get_xaxis_transform()
    axes.plot(where, height, linestyle="", transform=transform, zorder=5, **CROSS)


def _leave(axes: Axes, epochs: np.ndarray, losses: np.ndarray) -> None:
    """Draw a diverging curve up to the top edge, or to its last finite loss, and a cross there."""
    top = axes.transData.inverted().transform(axes.transAxes.transform((0, TOP)))[1]
    above = np.flatnonzero(losses > top)
    end = above[0] + 1 if above.size else len(losses)
    heights = np.minimum(losses[:end], top)
    axes.plot(epochs[:end], heights, linewidth=1.3, zorder=5, markevery=[-1], **CROSS)


def _loss_scale(axes: Axes, losses: Sequence[float] | np.ndarray, room_on_top: bool) -> None:
    """A log axis if every loss is positive; limits from these losses alone, not the exploded."""
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


def _finite(trial: TrialCurve) -> tuple[np.ndarray, np.ndarray]:
    epochs, losses = np.asarray(trial.epochs), np.asarray(trial.validation_loss, dtype=float)
    kept = np.isfinite(losses)
    return epochs[kept], losses[kept]


def _colours(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _dot(colour: str, label: str, size: float = 7) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", color=colour, markersize=size, label=label)


@dataclass(frozen=True)
class ScheduleCurve:
    """A schedule to draw: arrays (steps,) over shares of the training.

    rates: multiples of the optimizer's; low, high: between which they lie in the ranges that are
    searched; momentum: the name of what momenta holds, which is None where the schedule leaves
    them; note: what else is to be said, in lines.
    """

    name: str
    note: str
    shares: np.ndarray
    rates: np.ndarray
    low: np.ndarray
    high: np.ndarray
    momentum: str
    momenta: np.ndarray | None


def draw_schedules(curves: Sequence[ScheduleCurve], file: Path) -> None:
    """Draw rates against the share of the training; below them the momenta, if one has any.

    Where one is drawn alone, so is the band in which its ranges lie.
    """
    title = curves[0].name if len(curves) == 1 else "Schedules"
    ranges = len(curves) == 1 and bool((curves[0].high > curves[0].low).any())
    cycled = [curve for curve in curves if curve.momenta is not None]
    figure, axes = _canvas(f"{title}: the learning rate in the course of the training")
    panels = [axes]
    if cycled:
        figure.set_size_inches(7.6, 5.8)
        grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1))
        axes.set_subplotspec(grid[0])
        panels.append(_dressed(figure.add_subplot(grid[1], sharex=axes)))
        axes.tick_params(labelbottom=False)
    handles = []
    for index, (curve, colour) in enumerate(zip(curves, _colours(len(curves)), strict=True)):
        dashes = ("-", (0, (5, 1.5)), (0, (1, 1)))[index // len(COLOURS) % 3]
        label = f"{curve.name}\n{curve.note}" if curve.note else curve.name
        style: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 2}
        if ranges:
            axes.fill_between(
                curve.shares, curve.low, curve.high, color=colour, alpha=0.13, linewidth=0
            )
        axes.plot(curve.shares, curve.rates, **style)
        if curve.momenta is not None:
            panels[1].plot(curve.shares, curve.momenta, **style)
        handles.append(Line2D([], [], label=label, **style))
    if ranges:
        band: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.2, "linewidth": 8}
        handles.append(Line2D([], [], label="where the ranges lead", **band))
    _rate_scale(axes, curves, max(float((c.high if ranges else c.rates).max()) for c in curves))
    axes.set_ylabel("Learning rate (multiples of lr)")
    if cycled:
        panels[1].set_ylabel(cycled[0].momentum)
        figure.align_ylabels(panels)
        panels[1].margins(y=0.12)
    panels[-1].set_xlim(0, 1)
    panels[-1].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[-1].set_xlabel("Share of the training")
    _finish(figure, axes, handles, file)


def _rate_scale(axes: Axes, curves: Sequence[ScheduleCurve], top: float) -> None:
    """A log axis where a linear one would press half of a curve against its foot."""
    tops = [curve.rates.max() for curve in curves]
    pressed = any(np.median(c.rates) < 0.05 * top for c, top in zip(curves, tops, strict=True))
    apart = max(tops) > 20 * min(tops)
    if pressed or apart:
        axes.set_yscale("log")
        positive = [c.rates[c.rates > 0] for c in curves]
        # Below that share of its top a rate is nothing, and the curve may leave the picture.
        lowest = max(min(float(rates.min()) for rates in positive), 1e-6 * min(tops))
        axes.set_ylim(lowest / 1.5, top * 1.5)
    else:
        axes.set_ylim(0, top * 1.05)
