"""What a comparison tells: tables and sentences, the curves and the profiles drawn."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.jobs._confirmed import plus_minus, reached
from tuner.jobs._report import UNITS
from tuner.search.statistics import profile, ratios_of
from tuner.search.trials import Goal

Told = Mapping[str, Any]

# The fastest alone, up to twice as many epochs, and however many.
TAUS = (1.0, 2.0, math.inf)

HEAD = ("", "tuned, 95 % interval", "textbook", "tuning gains", "epochs", "seconds", "good rates")


def describe(result: Told, folder: Path) -> str:
    """The comparison in lines; result: by group, data set and branch."""
    lines = []
    for name, told in result["data"].items():
        lines += ["", *_of_data(name, told, result["by"])]
    if "profiles" in result:
        lines += ["", *_across(result["profiles"], result["by"])]
    return "\n".join([*lines, f"Pictures and all numbers: {_places(result, folder)}"])


def _places(result: Told, folder: Path) -> str:
    own = [str(folder.parent / told["study"]) for told in result["data"].values()]
    return ", ".join(own if len(own) == 1 else [*own, str(folder)])


def _of_data(name: str, told: Told, by: str) -> Iterator[str]:
    own, goal = told["branches"], Goal(**told["goal"])
    trials = [branch["trials"] for branch in own.values()]
    each = f"{trials[0]}" if len(set(trials)) == 1 else f"{min(trials)} to {max(trials)}"
    what = name if name != "none" else "a function"
    yield (
        f"{by.capitalize()}s on {what}: {each} trials each, {told['epochs']} epochs a trial; "
        f"{goal.name} on {told['seeds']} fresh seeds:"
    )
    order = sorted(own, key=lambda b: _rank(own[b]["tuned"]))
    yield from _table([HEAD, *(_row(b, own[b], told, goal) for b in order)])
    yield (
        f"  epochs, seconds: until the mean reaches {told['target']:.4g}; good rates: decades of "
        "learning rates that are good, the lowest and the highest of them"
    )
    if told["stopped"]:
        yield f"  the study stopped short of its trials: {told['stopped']}"
    if pruned := sum(branch["pruned"] for branch in own.values()):
        yield f"  {pruned} trials were pruned: they count as what they had reached by then"
    yield from _best(order, own)
    if told["winners"]:
        yield f"  expected best of k trials: {_spans(told['budgets'], told['winners'])}"


def _rank(tuned: Told | None) -> float:
    return tuned["mean"]["mean"] if tuned and tuned["mean"] else math.inf


def _row(name: str, branch: Told, told: Told, goal: Goal) -> tuple[str, ...]:
    tuned, default, basin = branch["tuned"], branch["default"], branch["basin"]
    epochs, seconds = branch["to_target"], told["seconds"].get(name)
    gain = "-"
    if default and default["worse"]:
        gain = plus_minus(default["worse"])
        gain = f"-{gain}" if default["worse"]["mean"] < 0 else gain
    return (
        name,
        reached(tuned, goal) if tuned else _none(branch),
        f"{goal.turn(default['mean']['mean']):.4g}" if default and default["mean"] else "-",
        gain,
        "never" if epochs is None else str(epochs),
        "-" if epochs is None or seconds is None else f"{epochs * seconds:.2g}",
        f"{basin['decades']:.2g}, {basin['low']:.2g} to {basin['high']:.2g}" if basin else "-",
    )


def _none(branch: Told) -> str:
    """Why there is nothing to tell of a branch."""
    return f"none ended: {branch['diverged']} diverged, {branch['pruned']} pruned"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of equal width, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _best(order: Sequence[str], own: Told) -> Iterator[str]:
    """Which branch is best once tuned, and which of the others the noise does not set apart."""
    if _rank(own[order[0]]["tuned"]) == math.inf:
        yield "  no branch has a trial that trained to the end on all seeds"
        return
    if _rank(own[order[1]]["tuned"]) == math.inf:
        yield f"  {order[0]} alone has a trial that trained to the end on all seeds"
        return
    alike = [name for name in order[1:] if own[name]["alike"]]
    also = f"; the noise does not set it apart from {', '.join(alike)}" if alike else ""
    yield f"  the best once tuned: {order[0]}{also or ', by more than noise'}"


def _spans(budgets: Sequence[int], names: Sequence[str]) -> str:
    """Budgets with the same winner, put together."""
    if len(set(names)) == 1:
        return f"{names[0]} whatever k is, up to {budgets[-1]}"
    spans = []
    for name, own in groupby(zip(budgets, names, strict=True), key=lambda pair: pair[1]):
        ks = [str(k) for k, _ in own]
        spans.append(f"{name} for k = {', '.join(ks)}")
    return "; ".join(spans)


def profiles(data: Mapping[str, Told]) -> dict[str, Any]:
    """Epochs to the target of each branch over those of the fastest, by data set; None: never."""
    names = list(next(iter(data.values()))["branches"])
    costs = {
        name: [float(told["branches"][name]["to_target"] or math.inf) for told in data.values()]
        for name in names
    }
    ratios = ratios_of(costs)
    return {
        "data": list(data),
        "shares": profile(costs, TAUS),
        "ratios": {n: [r if math.isfinite(r) else None for r in own] for n, own in ratios.items()},
    }


def _across(told: Told, by: str) -> Iterator[str]:
    """The profiles in words: how often each is fastest, and how often it gets there at all."""
    count, shares = len(told["data"]), told["shares"]
    yield f"Over {count} data sets, epochs to the target (Dolan & More's profiles):"
    rows = [(by, "fastest", "at most twice as many", "ever")]
    for name in sorted(shares, key=lambda name: [-share for share in shares[name]]):
        rows.append((name, *(f"{round(share * count)} of {count}" for share in shares[name])))
    yield from _table(rows)


def draw_best_of_k(told: Told, by: str, config: Config, task: str, file: Path) -> None:
    """The picture of one data set's comparison."""
    from tuner.report.plots.comparison import BestOfK
    from tuner.report.plots.comparison import draw_best_of_k as draw

    goal = Goal(**told["goal"])
    curves = []
    for name, points in told["curves"].items():
        default = told["branches"][name]["default"]
        mean = default["mean"]["mean"] if default and default["mean"] else math.nan
        ends = sorted(("low", "high"), key=lambda end: goal.turn(points[0][end]) if points else 0)
        low, high = (np.array([goal.turn(p[end]) for p in points]) for end in ends)
        best = np.array([goal.turn(p["mean"]) for p in points])
        curves.append(BestOfK(name, best, low, high, goal.turn(mean)))
    unit = UNITS.get(task, "loss") if goal.name == "loss" else goal.name
    title = f"Study {told['study']}: what {by}s reach by the number of trials"
    draft = file.with_name(f"new.{file.name}")
    draw(curves, draft, title, f"validation {unit}")
    draft.replace(file)


def draw_profiles(told: Told, by: str, folder: Path) -> None:
    """The picture of the performance profiles."""
    from tuner.report.plots.comparison import draw_profiles as draw

    ratios = {n: [math.inf if r is None else r for r in own] for n, own in told["ratios"].items()}
    draft = folder / "new.performance_profiles.png"
    draw(ratios, draft, f"How soon {by}s reach the targets of {', '.join(told['data'])}")
    draft.replace(folder / "performance_profiles.png")
