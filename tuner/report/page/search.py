"""Charts of the search: the gain of more trials, their time, and the confirmation."""

import math
from collections.abc import Iterator

from tuner.report.page.axes import Axis, of_values
from tuner.report.page.charts import Chart
from tuner.report.page.shown import Shown
from tuner.search.statistics import bars, expected_best, worth
from tuner.study.results import Confirmation, Repeated

# With fewer trials the expected best says nothing; with more it takes too long to draw.
FEWEST, LARGEST = 12, 400


def history(shown: Shown) -> Iterator[Chart]:
    """The values of the trials in order, the best so far, and the expected best of k trials."""
    goal, trials = shown.result.goal, shown.ended
    known = [(t.number, v) for t in trials if (v := shown.value(t)) is not None]
    if len(known) < 2:
        return
    last = max(t.number for t in trials)
    chart = Chart("History", Axis("trial", -0.5, last + 0.5), shown.goal_axis())
    for trial in shown.drawn:
        shown.mark(chart, trial, trial.number)
    done = [
        (t.number, v) for t in trials if t.state == "COMPLETE" and (v := shown.value(t)) is not None
    ]
    steps: list[tuple[int, float]] = []
    best = math.inf
    for number, value in done:
        if goal.turn(value) < best:
            steps += [(number, goal.turn(best)), (number, value)] if steps else [(number, value)]
            best = goal.turn(value)
    if steps:
        chart.line([*steps, (last, steps[-1][1])], "best", "the best so far")
        chart.legend["line best"] = "the best so far among the trials that trained to the end"
    yield chart
    values = [worth(t.value if t.value is not None else math.inf, t.start) for t in trials
              if t.start is not None]  # fmt: skip
    if not FEWEST <= len(values) <= LARGEST:
        return
    found = bars(values)
    budgets = sorted({round(len(values) ** (i / 16)) for i in range(17)})
    line = [(k, goal.turn(expected_best(values, k))) for k in budgets]
    ends = [goal.turn(end) for own in found.values() for end in (own.low, own.high)]
    y = of_values(f"expected {goal.name}", [v for _, v in line] + ends)
    best_of = Chart("Expected best of k trials", Axis("k", 1, len(values), "log"), y)
    if found:
        edges = [(k, goal.turn(own.low), goal.turn(own.high)) for k, own in found.items()]
        best_of.band(edges, "basin", "95 % interval")
        best_of.legend["basin"] = "95 % interval"
    best_of.line(line, "best", "the expected best of k of these trials")
    best_of.legend["line best"] = "the expected best"
    best_of.caption = "Where the line is flat, more trials like these would gain little."
    yield best_of


def reached(shown: Shown) -> Iterator[Chart]:
    """The empirical distribution function: the share of trials at least as good as a value."""
    goal = shown.result.goal
    groups = dict.fromkeys(t.optimizer for t in shown.ended)
    axis = shown.goal_axis()
    at_least = "as good or better"
    chart = Chart("Distribution (EDF)", axis, Axis(f"share of trials {at_least}", 0, 1.02))
    for index, group in enumerate(groups):
        own = [t for t in shown.ended if t.optimizer == group]
        turned = sorted(goal.turn(v) for t in own if (v := shown.value(t)) is not None)
        points: list[tuple[float, float]] = []
        for count, value in enumerate(turned):
            points += [
                (goal.turn(value), count / len(own)),
                (goal.turn(value), (count + 1) / len(own)),
            ]
        step = math.ceil(len(points) / 300) or 1
        kind = f"series{index % 6}"
        chart.line(points[::step], kind, group or "all trials")
        chart.legend[f"line {kind}"] = group or "all trials"
    if any(shown.value(t) is not None for t in shown.ended[1:]):
        yield chart


def timeline(shown: Shown) -> Iterator[Chart]:
    """When each trial began and ended."""
    known = [(t, *shown.times[t.number]) for t in shown.drawn if t.number in shown.times]
    if len(known) < 2:
        return
    first, last = min(own[1] for own in known), max(own[2] for own in known)
    x = Axis("seconds since the first trial began", 0, max((last - first) / 1000, 1e-3))
    top = max(t.number for t, _, _ in known)
    chart = Chart("Timeline", x, Axis("trial", -1, top + 1))
    for trial, begun, ended in known:
        kind = f"bar {shown.kind(trial)}"
        span = (begun - first) / 1000, (ended - first) / 1000
        said = f"{shown.said(trial)}; {span[1] - span[0]:.3g} s"
        chart.cell(*span, trial.number - 0.4, trial.number + 0.4, kind, said)
        chart.legend.setdefault(kind, shown.kind(trial))
    took = f"The search took {(last - first) / 1000:.3g} s. " if shown.drawn == shown.ended else ""
    chart.caption = f"{took}Trials of one cohort train together, so their bars cover the same time."
    yield chart


def spent(shown: Shown) -> list[list[str]]:
    """How the training was spent: for each state, its trials, its epochs and their share of all."""
    epochs = {
        state: sum(t.member_epochs for t in shown.result.all if t.state.lower() == state)
        for state in shown.result.trials
    }
    total = sum(epochs.values())
    return [
        [state, str(shown.result.trials[state]), str(own), f"{own / total:.0%}"]
        for state, own in epochs.items()
        if total
    ]


def forest(shown: Shown) -> Iterator[Chart]:
    """The confirmation: every trial's mean on fresh seeds with its interval."""
    confirmed, goal = shown.result.confirmation, shown.result.goal
    if confirmed is None:
        return
    rows = _rows(confirmed)
    means = [(own.mean.mean, own.mean.low, own.mean.high) for _, own in rows if own.mean]
    finite = [goal.turn(n) for own in means for n in own if math.isfinite(n)]
    believed = [goal.turn(own.believed) for _, own in rows if own.believed is not None]
    options = tuple(name for name, _ in reversed(rows))
    x = of_values(f"{goal.title} on fresh seeds", finite + believed,
                  log=not goal.greater_is_better)  # fmt: skip
    chart = Chart("The confirmation", x, Axis("", -0.5, len(rows) - 0.5, options=options))
    for name, own in rows:
        kind = "winner" if own.trial == confirmed.winner else "typical"
        if own.believed is not None:
            chart.dot(goal.turn(own.believed), name, "believed", "its value in the search", 4)
            chart.legend["believed"] = "its value in the search"
        if own.mean is None:
            continue
        low, high = sorted((goal.turn(own.mean.low), goal.turn(own.mean.high)))
        mean = goal.turn(own.mean.mean)
        said = f"trial {own.trial}: {mean:.4g}, 95 % interval {low:.4g} to {high:.4g}"
        chart.line([(low, name), (high, name)], kind, said)
        chart.dot(mean, name, f"mean {kind}", said, 4.5)
    chart.legend |= {"line winner": "the winner", "line typical": "others, 95 % interval"}
    lost = [
        f"trial {own.trial} {own.how_lost} on {own.diverged + own.failed}"
        for _, own in rows
        if own.how_lost
    ]
    seeds = f"{confirmed.seeds} seeds that chose the winner, and as many others that judged it"
    if confirmed.is_alone:
        seeds = f"{confirmed.seeds} fresh seeds"
    chart.caption = f"On {seeds}." + (f" These have no mean: {', '.join(lost)}." if lost else "")
    yield chart


def _rows(confirmed: Confirmation) -> list[tuple[str, Repeated]]:
    """The repeated trials, by short unique row names."""
    rows: list[tuple[str, Repeated]] = [(f"{own.trial}", own) for own in confirmed.trials]
    if confirmed.is_alone:
        rows = []
    rows.append((f"{confirmed.winner} judged", confirmed.judged))
    for own in confirmed.defaults:
        rows.append((f"{own.trial} default", own))
    return rows
