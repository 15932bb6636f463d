"""Plots of trials: results by learning rate, and loss curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tuner.report.plots.style import (
    CROSS,
    GREY,
    INK,
    RED,
    TOP,
    Style,
    canvas,
    colours,
    cross_at_edge,
    dot,
    finish,
    first_capital,
    loss_scale,
    marker,
)

DPI = 110  # fits the width of a note in MLflow
SHOWN_DIVERGED = 3  # curves of diverged trials drawn in red; more would hide the rest


@dataclass(frozen=True, eq=False)
class TrialCurve:
    """A trial's losses, one value per epoch."""

    number: int
    state: str
    epochs: Sequence[int]
    train_loss: Sequence[float] | np.ndarray
    validation_loss: Sequence[float] | np.ndarray


@dataclass(frozen=True, eq=False)
class Reached:
    """A trial's result and its learning rate.

    Attributes:
        group: determines its colour and marker, for example its optimizer.
        value: the goal's value at the end of its training, in the form that people read.
        is_default: whether it tried the textbook settings.
    """

    number: int
    group: str
    learning_rate: float
    state: str
    value: float
    is_default: bool = False


def learning_rates(
    trials: Sequence[Reached],
    file: Path,
    title: str,
    what: str = "validation loss",
    winner: int | None = None,
    greater_is_better: bool = False,
    says: Mapping[str, str] | None = None,
) -> None:
    """Draw results against the learning rate: a point per trial, in the colours of the groups.

    Args:
        trials: the trials; those without a learning rate are left out.
        file: the file of the picture.
        title: the title.
        what: the measure and its unit, such as "validation cross-entropy (nats)".
        winner: the winner's number; it gets a ring.
        greater_is_better: whether greater values of the measure are better.
        says: text chunks of the file, by keyword.
    """
    trials = [trial for trial in trials if np.isfinite(trial.learning_rate)]
    figure, axes = canvas(title, DPI)
    groups = sorted({trial.group for trial in trials})
    usable = [trial for trial in trials if trial.state != "DIVERGED" and np.isfinite(trial.value)]
    paints = dict(zip(groups, colours(len(groups)), strict=True))
    markers = {group: marker(index) for index, group in enumerate(groups)}
    for group, colour in paints.items():
        for pruned in (True, False):
            own = [t for t in usable if t.group == group and (t.state == "PRUNED") == pruned]
            axes.scatter(
                [trial.learning_rate for trial in own],
                [trial.value for trial in own],
                s=22 if pruned else 40,
                marker=markers[group],
                facecolor=colour,
                edgecolor="white",
                linewidth=0.6,
                alpha=0.4 if pruned else 0.95,
                zorder=2 if pruned else 3,
            )
    diverged = [trial.learning_rate for trial in trials if trial.state == "DIVERGED"]
    cross_at_edge(axes, diverged, 1 - TOP if greater_is_better else TOP)
    books = [trial for trial in usable if trial.is_default]
    for trial in books:
        at = trial.learning_rate, trial.value
        axes.plot(*at, "D", color=paints[trial.group], markeredgecolor=INK, markersize=8, zorder=4)
    handles = [dot(colour, group, shape=markers[group]) for group, colour in paints.items()]
    for trial in (t for t in usable if t.number == winner):
        ring: Style = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.6, "zorder": 6}
        axes.scatter(trial.learning_rate, trial.value, s=170, **ring)
        handles.append(dot(INK, f"winner: trial {winner}", size=10))
        handles[-1].set_markerfacecolor("none")
    axes.set_xscale("log")
    axes.set_xlabel("Learning rate (log scale)")
    axes.set_ylabel(f"{first_capital(what)} at the end")
    values = [trial.value for trial in usable]
    if greater_is_better and values:
        span = max(max(values) - min(values), 1e-12)
        axes.set_ylim(min(values) - 0.1 * span, max(values) + 0.06 * span)
    else:
        loss_scale(axes, values, room_on_top=bool(diverged))
    if any(trial.state == "PRUNED" for trial in usable):
        handles.append(dot(GREY, "pruned (lighter)", size=5))
    if books:
        diamond: Style = {"marker": "D", "markeredgecolor": INK, "color": GREY, "markersize": 7}
        handles.append(Line2D([], [], linestyle="", label="textbook settings", **diamond))
    if diverged:
        handles.append(Line2D([], [], linestyle="", label=f"diverged ({len(diverged)})", **CROSS))
    finish(figure, axes, handles, file, says)


def loss_curves(
    trials: Sequence[TrialCurve],
    file: Path,
    title: str,
    what: str = "validation loss",
    named: Mapping[int, str] | None = None,
    says: Mapping[str, str] | None = None,
) -> None:
    """Draw validation loss against epoch, with named and diverged trials highlighted.

    Args:
        trials: all trials of the study.
        file, title, what, says: as in `learning_rates`.
        named: the names of highlighted trials, by number; "" shows the number only.
    """
    figure, axes = canvas(title, DPI)
    by_number = {trial.number: trial for trial in trials}
    chosen = [(name, by_number[number]) for number, name in (named or {}).items()]
    own_colours = {trial.number for _, trial in chosen}
    # On test functions the training loss is the validation loss.
    trained = [
        t for _, t in chosen if not np.array_equal(t.train_loss, t.validation_loss, equal_nan=True)
    ]
    diverged = [trial for trial in trials if trial.state == "DIVERGED"]
    red = [trial for trial in diverged if trial.number not in own_colours][:SHOWN_DIVERGED]
    # One artist for all, because a separate line takes about 10 kB per trial.
    others = [_finite(t) for t in trials if t not in red and t.number not in own_colours]
    grey = LineCollection(
        [np.column_stack(line) for line in others], colors=GREY, linewidths=0.7, alpha=0.6, zorder=1
    )
    axes.add_collection(grey)
    calm = [_finite(trial)[1] for trial in trials if trial.state != "DIVERGED"]
    calm += [np.asarray(t.train_loss, float) for t in trained if t.state != "DIVERGED"]
    loss_scale(axes, np.concatenate([np.empty(0), *calm]), room_on_top=bool(diverged))
    handles = []
    for (name, trial), colour in zip(chosen, colours(len(chosen)), strict=True):
        if trial.state == "DIVERGED":
            _leave(axes, *_finite(trial), colour)
        else:
            axes.plot(*_finite(trial), color=colour, linewidth=2.2, zorder=4)
            if trial in trained:
                own: Style = {"color": colour, "linewidth": 1.3, "linestyle": ":", "zorder": 4}
                axes.plot(trial.epochs, trial.train_loss, **own)
        end = ", diverged" if trial.state == "DIVERGED" else ""
        said = f"{name}: trial {trial.number}{end}" if name else f"trial {trial.number}{end}"
        handles.append(Line2D([], [], color=colour, linewidth=2.2, label=said))
    if any(np.isfinite(trial.train_loss).any() for trial in trained):
        handles.append(
            Line2D([], [], color=INK, linestyle=":", label="training loss of the same trial")
        )
    if red:
        shown = f"{len(red)} of {len(diverged)}" if diverged[len(red) :] else f"{len(red)}"
        handles.append(Line2D([], [], label=f"diverged ({shown})", **CROSS))
    if others:
        handles.append(Line2D([], [], color=GREY, label="other trials"))
    for trial in red:
        _leave(axes, *_finite(trial), RED)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Epoch")
    axes.set_ylabel(first_capital(what))
    finish(figure, axes, handles, file, says)


def _leave(axes: Axes, epochs: np.ndarray, losses: np.ndarray, colour: str) -> None:
    """Draw a diverging curve to the top edge or its last finite loss, with a cross at its end."""
    top = axes.transData.inverted().transform(axes.transAxes.transform((0, TOP)))[1]
    above = np.flatnonzero(losses > top)
    end = above[0] + 1 if above.size else len(losses)
    heights = np.minimum(losses[:end], top)
    axes.plot(
        epochs[:end], heights, linewidth=1.3, zorder=5, markevery=[-1], **CROSS | {"color": colour}
    )


def _finite(trial: TrialCurve) -> tuple[np.ndarray, np.ndarray]:
    epochs, losses = np.asarray(trial.epochs), np.asarray(trial.validation_loss, dtype=float)
    kept = np.isfinite(losses)
    return epochs[kept], losses[kept]
