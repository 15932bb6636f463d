"""Charts of curves: losses and scores by epoch, and paths on test functions."""

import math
from collections.abc import Iterator

from tuner.report.page.axes import Axis, of_values
from tuner.report.page.charts import Chart
from tuner.report.page.shown import Shown
from tuner.search.trials import TrialResult

# The most points of a line, and the most lines besides the highlighted ones.
POINTS, LINES = 80, 120
# The highest losses, up to this share of all points, may leave the chart.
LEAVE = 0.02


def losses_and_scores(shown: Shown) -> Iterator[Chart]:
    """Charts of the validation loss, the training loss and the goal's score."""
    goal, unit = shown.result.goal, shown.result.unit or "loss"
    names = {"validation_loss": f"validation {unit}", "train_loss": f"training {unit}"}
    if goal.curve not in names:
        names = {goal.curve: goal.title, **names}
    own = shown.curves.values()
    if all(curves.get("train_loss") == curves.get("validation_loss") for curves in own):
        # On a test function both losses are the same.
        names.pop("train_loss")
    for curve, label in names.items():
        if any(_known(shown, trial, curve) for trial in shown.drawn):
            yield _chart(shown, curve, label)


def _chart(shown: Shown, curve: str, label: str) -> Chart:
    score = curve == shown.result.goal.curve and curve != "validation_loss"
    lines = {t.number: _known(shown, t, curve) for t in shown.drawn}
    calm = [n for t in shown.drawn if t.state != "DIVERGED" for _, n in lines[t.number]]
    if not calm:
        calm = [n for own in lines.values() for _, n in own[:1]]
    kept = sorted(calm)[: math.ceil(len(calm) * (1 - LEAVE))] if not score else calm
    longest = max((own[-1][0] for own in lines.values() if own), default=1)
    title = label[0].upper() + label[1:]
    y = of_values(label, kept, log=not score)
    chart = Chart(title, Axis("epoch", 0, max(longest, 1)), y)
    named = [trial for trial in shown.drawn if trial.number in shown.names]
    others = [trial for trial in shown.drawn if trial not in named]
    for trial in others[:: math.ceil(len(others) / LINES) or 1]:
        _line(shown, chart, trial, lines[trial.number], "")
    for trial in reversed(named):
        _line(shown, chart, trial, lines[trial.number], shown.names[trial.number])
    if shown.rates is not None and others:
        low, high = (f"{rate:.2g}" for rate in _ends(shown))
        chart.legend["rates"] = f"learning rate, {low} to {high}"
    elif others:
        chart.legend["line other"] = "other trials"
    return chart


def _line(
    shown: Shown, chart: Chart, trial: TrialResult, points: list[tuple[int, float]], name: str
) -> None:
    kinds = {"winner": "winner", "best of the search": "best"}
    own = kinds.get(name, "typical") if name else "other"
    if trial.state == "DIVERGED":
        own = f"{own} diverged" if name else "diverged"
        chart.legend.setdefault("line diverged", "diverged")
    step = math.ceil(len(points) / POINTS) or 1
    thin = points[::step] + (points[-1:] if (len(points) - 1) % step else [])
    style = shown.paint(trial) if own == "other" else ""
    chart.line(thin, own, shown.said(trial), style)
    if name:
        chart.legend[f"line {own}"] = f"{name}: trial {trial.number}"


def _ends(shown: Shown) -> tuple[float, float]:
    rates = [t.learning_rate for t in shown.drawn if t.learning_rate is not None]
    return min(rates), max(rates)


def _known(shown: Shown, trial: TrialResult, curve: str) -> list[tuple[int, float]]:
    """The finite points of a curve."""
    own = shown.curves.get(trial.number, {}).get(curve, [])
    return [(epoch, number) for epoch, number in enumerate(own) if number is not None]


def paths(shown: Shown) -> Iterator[Chart]:
    """The paths of trials on a function of one or two variables."""
    ways = [(t, own) for t in shown.drawn if "x" in (own := shown.curves.get(t.number, {}))]
    if not ways:
        return
    flat = "y" in ways[0][1]
    calm = [own for t, own in ways if t.state != "DIVERGED"] or [own for _, own in ways]
    known = {axis: [n for own in calm for n in own.get(axis, []) if n is not None] for axis in "xy"}
    if flat:
        axes = of_values("x", known["x"]), of_values("y", known["y"])
        chart = Chart("The path of each trial", *axes)
    else:
        steps = max(len(own["x"]) for _, own in ways) - 1
        axes = Axis("epoch", 0, max(steps, 1)), of_values("x", known["x"])
        chart = Chart("x after each epoch", *axes)
    for trial, own in ways:
        along = own["x"] if flat else range(len(own["x"]))
        points = list(zip(along, own["y"] if flat else own["x"], strict=True))
        won = "winner" if trial.number == shown.winner else shown.kind(trial)
        kind = won if won in ("winner", "diverged") else "other"
        step = math.ceil(len(points) / POINTS) or 1
        chart.line(points[::step], kind, shown.said(trial), shown.paint(trial))
        chart.dot(*points[0], "point", f"start of trial {trial.number}", 3)
    if shown.winner is not None:
        chart.legend["line winner"] = f"winner: trial {shown.winner}"
    yield chart
