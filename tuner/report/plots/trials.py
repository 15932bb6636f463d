"""Pictures of trials: which learning rates of a study worked, and how its losses fell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tuner.report.plots.style import (
    COLOURS,
    CROSS,
    GREY,
    INK,
    TOP,
    canvas,
    colours,
    cross_on_top,
    dot,
    finish,
    loss_scale,
)

SHOWN_DIVERGED = 3  # curves of diverged trials drawn in red; more would hide the rest


@dataclass(frozen=True, eq=False)
class TrialCurve:
    """What one trial did: its losses, one value an epoch.

    Attributes:
        group: what tells its colour, as its optimizer.
        learning_rate: nan where it has none.
    """

    number: int
    group: str
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

    Args:
        trials: those without a learning rate are left out.
        file: the picture.
        title: the study.
        loss: what was measured and its unit, as "cross-entropy (nats)".
    """
    trials = [trial for trial in trials if np.isfinite(trial.learning_rate)]
    figure, axes = canvas(f"{title}: which learning rates worked")
    groups = sorted({trial.group for trial in trials})
    usable = [trial for trial in trials if trial.state != "DIVERGED" and np.isfinite(trial.best)]
    for group, colour in zip(groups, colours(len(groups)), strict=True):
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
    cross_on_top(axes, diverged)
    finished = rank(trials)
    if finished:
        best = finished[0]
        axes.scatter(
            best.learning_rate, best.best, s=170, facecolor="none", edgecolor=INK, linewidth=1.5
        )
    axes.set_xscale("log")
    axes.set_xlabel("Learning rate (log scale)")
    axes.set_ylabel(f"Best validation {loss}")
    loss_scale(axes, [trial.best for trial in usable], room_on_top=bool(diverged))
    handles = [
        dot(colour, group) for group, colour in zip(groups, colours(len(groups)), strict=True)
    ]
    if any(trial.state == "PRUNED" for trial in usable):
        handles.append(dot(GREY, "pruned (lighter)", size=5))
    if finished:
        ring = dot(INK, f"best: trial {best.number}", size=10)
        ring.set_markerfacecolor("none")
        handles.append(ring)
    if diverged:
        handles.append(Line2D([], [], linestyle="", label=f"diverged ({len(diverged)})", **CROSS))
    finish(figure, axes, handles, file)


def loss_curves(trials: Sequence[TrialCurve], file: Path, title: str, loss: str = "loss") -> None:
    """Draw validation loss against epoch: the best, a typical and diverged trials stand out.

    Args: as `learning_rates` has them.
    """
    figure, axes = canvas(f"{title}: how the loss fell")
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
    loss_scale(axes, np.concatenate([np.empty(0), *calm]), room_on_top=bool(diverged))
    for trial in diverged:
        _leave(axes, *_finite(trial))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Epoch")
    axes.set_ylabel(f"Validation {loss}")
    finish(figure, axes, handles, file)


def _leave(axes: Axes, epochs: np.ndarray, losses: np.ndarray) -> None:
    """Draw a diverging curve up to the top edge, or to its last finite loss, and a cross there."""
    top = axes.transData.inverted().transform(axes.transAxes.transform((0, TOP)))[1]
    above = np.flatnonzero(losses > top)
    end = above[0] + 1 if above.size else len(losses)
    heights = np.minimum(losses[:end], top)
    axes.plot(epochs[:end], heights, linewidth=1.3, zorder=5, markevery=[-1], **CROSS)


def _finite(trial: TrialCurve) -> tuple[np.ndarray, np.ndarray]:
    epochs, losses = np.asarray(trial.epochs), np.asarray(trial.validation_loss, dtype=float)
    kept = np.isfinite(losses)
    return epochs[kept], losses[kept]
