"""Charts of settings: results by value, for one setting, for pairs and for all."""

import math
from collections.abc import Iterator

from tuner.report.page.axes import Axis, of_values
from tuner.report.page.charts import Chart, between
from tuner.report.page.shown import GOOD, Shown
from tuner.search.trials import TrialResult

# An isolation plot splits a range into up to PARTS parts of about TRIALS trials or more; a contour
# plot has CELLS cells along each side.
PARTS, TRIALS, CELLS = 10, 5, 18
# With fewer trials there are no contour plots and no parallel coordinates.
FEWEST = 8
# The most settings and lines in parallel coordinates.
PARALLEL, LINES = 8, 150


def rates(shown: Shown) -> Iterator[Chart]:
    """Results by learning rate, a chart for each optimizer and schedule."""
    kinds = dict.fromkeys((t.optimizer, t.schedule) for t in shown.drawn if t.learning_rate)
    for optimizer, schedule in kinds:
        own = [t for t in shown.drawn if (t.optimizer, t.schedule) == (optimizer, schedule)]
        known = [t.learning_rate for t in own if t.learning_rate]
        name = " with ".join(filter(None, (optimizer, schedule)))
        axis = of_values("learning rate (log scale)", known, log=True)
        chart = Chart(name, axis, shown.goal_axis())
        good = [t.learning_rate for t in own if t.learning_rate and shown.lacks(t) <= GOOD]
        if len(good) > 1:
            ends = min(good), max(good)
            said = f"good rates: {ends[0]:.3g} to {ends[1]:.3g}"
            chart.column(*ends, "basin", said)
            chart.caption = (
                f"Shaded, {said}. These trials reached at least {1 - GOOD:.0%} of the best "
                "trial's gain."
            )
            chart.legend["basin"] = "good rates"
        for trial in own:
            shown.mark(chart, trial, trial.learning_rate)
        yield chart


def each(shown: Shown) -> Iterator[Chart]:
    """Results by every other searched setting, with its isolation plot.

    An isolation plot joins the best trials in the parts of the range: it shows what the setting
    allows if all others are chosen well (Godbole et al., the Deep Learning Tuning Playbook).
    """
    rates = {trial.rate_path for trial in shown.drawn}
    for path in shown.space.searched:
        own = [t for t in shown.drawn if path in t.settings]
        if path in rates or len(own) < 2:
            continue
        chart = Chart(path, shown.setting_axis(path), shown.goal_axis())
        best = _best_by_part(shown, chart.x, path, own)
        if len(best) > 1:
            chart.line([(t.settings[path], shown.value(t)) for t in best], "isolation",
                       "the best trial in each part of the range")  # fmt: skip
            chart.legend["line isolation"] = (
                "isolation plot: the best trial in each part of the range"
            )
        for trial in own:
            shown.mark(chart, trial, trial.settings[path])
        yield chart


def _best_by_part(
    shown: Shown, axis: Axis, path: str, trials: list[TrialResult]
) -> list[TrialResult]:
    best: dict[int, TrialResult] = {}
    parts = len(axis.options) or min(PARTS, max(2, len(trials) // TRIALS))
    for trial in sorted(trials, key=shown.lacks):
        at = axis.place(trial.settings[path])
        if at is not None and shown.value(trial) is not None:
            best.setdefault(math.floor(at * parts), trial)
    return [best[part] for part in sorted(best)]


def _branches(shown: Shown) -> Iterator[tuple[list[str], list[TrialResult], str]]:
    """Trials with the same settings, as (settings with the most important first, trials, words).

    Each branch, such as an optimizer, is a group of its own; the words tell it apart in a title.
    """
    paths = [own.path for own in shown.result.importances] or list(shown.space.searched)
    having = {path: {t.number for t in shown.drawn if path in t.settings} for path in paths}
    sets = [own for own in having.values() if not any(other < own for other in having.values())]
    for numbers in dict.fromkeys(map(frozenset, sets)):
        common = [path for path in paths if having[path] >= numbers]
        only = next((path for path in common if having[path] == numbers), "")
        words = "" if len(numbers) == len(shown.drawn) else f", for trials that have {only}"
        trials = [t for t in shown.drawn if t.number in numbers]
        varied = [p for p in common if len({str(t.settings[p]) for t in trials}) > 1]
        if len(varied) > 1 and len(trials) >= FEWEST:
            yield varied, trials, words


def parallel(shown: Shown) -> Iterator[Chart]:
    """Parallel coordinates, a chart for each branch: a line for each trial, good ones hot."""
    for paths, trials, words in _branches(shown):
        yield _parallel(shown, paths[:PARALLEL], trials, words)


def _parallel(shown: Shown, paths: list[str], trials: list[TrialResult], words: str) -> Chart:
    axes = [*(shown.setting_axis(path) for path in paths), shown.goal_axis()]
    short = [path.split(".")[-1] for path in paths]
    names = [n if short.count(n) == 1 else p for n, p in zip(short, paths, strict=True)]
    options = (*names, shown.result.goal.name)
    unique = tuple(f"{n}{' ' * options[:i].count(n)}" for i, n in enumerate(options))
    x = Axis("settings, and the result", 0, len(unique) - 1, options=unique)
    chart = Chart(
        f"Parallel coordinates{words}", x, Axis("low to high, each axis on its own scale", 0, 1)
    )
    ranked = sorted((t for t in trials if shown.value(t) is not None), key=shown.lacks)[:LINES]
    for place, trial in reversed(list(enumerate(ranked))):
        values = [*(trial.settings[path] for path in paths), shown.value(trial)]
        places = [axis.place(value) for axis, value in zip(axes, values, strict=True)]
        won = trial.number == shown.winner
        style = "" if won else between(1 - place / len(ranked))
        chart.line(zip(unique, places, strict=True), "winner" if won else "other",
                   shown.said(trial), style)  # fmt: skip
    for axis, name in zip(axes, unique, strict=True):
        chart.line([(name, 0.0), (name, 1.0)], "axis",
                   f"{axis.label}: {axis.low:.4g} to {axis.high:.4g}")  # fmt: skip
    chart.legend["ranks"] = "from the worst to the best"
    if shown.winner in {trial.number for trial in ranked}:
        chart.legend["line winner"] = f"winner: trial {shown.winner}"
    return chart


def contour(shown: Shown) -> Iterator[Chart]:
    """Results over the two most important numeric settings, interpolated between the trials."""
    known = {own.path for own in shown.result.importances if own.ped_anova is not None}
    for paths, trials, words in _branches(shown):
        numbers = [p for p in paths if p in known and not shown.setting_axis(p).options]
        if len(numbers) > 1:
            yield _contour(shown, numbers[:2], trials, words)


def _contour(shown: Shown, numbers: list[str], trials: list[TrialResult], words: str) -> Chart:
    x, y = (shown.setting_axis(path) for path in numbers)
    chart = Chart(f"The two most important settings{words}", x, y)
    # Ranks, because one exploded loss must not hide all other differences.
    ranked = sorted(trials, key=shown.lacks)
    places = [
        (x.place(t.settings[numbers[0]]), y.place(t.settings[numbers[1]]), 1 - rank / len(ranked))
        for rank, t in enumerate(ranked)
    ]
    known = [(a, b, good) for a, b, good in places if a is not None and b is not None]
    bare_x, bare_y = Axis(x.label, 0, 1), Axis(y.label, 0, 1)
    grid = Chart("", bare_x, bare_y)
    for column in range(CELLS):
        for row in range(CELLS):
            left, low = column / CELLS, row / CELLS
            middle = left + 0.5 / CELLS, low + 0.5 / CELLS
            weights = [
                1 / ((a - middle[0]) ** 2 + (b - middle[1]) ** 2 + 1e-3) ** 2 for a, b, _ in known
            ]
            total = sum(w * good for w, (_, _, good) in zip(weights, known, strict=True))
            size = 1 / CELLS
            grid.cell(left, left + size, low, low + size, "cell",
                      style=between(total / sum(weights)))  # fmt: skip
    chart.marks += grid.marks
    for trial in trials:
        at = trial.settings[numbers[0]], trial.settings[numbers[1]]
        chart.dot(*at, "point", shown.said(trial), 2.5)
        if trial.number == shown.winner:
            chart.dot(*at, "ring", shown.said(trial), 9)
            chart.legend["ring"] = f"winner: trial {trial.number}"
    chart.legend["ranks"] = "from the worst to the best"
    chart.caption = (
        "The colour of a point is the mean rank of the trials, the nearest weighted most."
    )
    return chart
