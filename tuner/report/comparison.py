"""What a comparison tells: tables and sentences."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tuner.report.reached import plus_minus, reached
from tuner.search.trials import Goal
from tuner.study.comparison_result import BranchResult, Comparison, Comparisons, Profiles

HEAD = ("", "tuned, 95 % interval", "textbook", "tuning gains", "epochs", "seconds", "good rates")


def describe(comparisons: Comparisons, folder: Path) -> str:
    """The comparison in lines.

    Args:
        comparisons: on each data set.
        folder: of the study that the command names, `<root>/studies/<study>`.
    """
    lines = []
    for name, comparison in comparisons.data.items():
        lines += ["", *_of_data(name, comparison, comparisons.by)]
    if comparisons.profiles is not None:
        lines += ["", *_across(comparisons.profiles, comparisons.by)]
    return "\n".join([*lines, f"Pictures and all numbers: {_places(comparisons, folder)}"])


def _places(comparisons: Comparisons, folder: Path) -> str:
    places = [str(folder.parent / comparison.study) for comparison in comparisons.data.values()]
    return ", ".join(places if len(places) == 1 else [*places, str(folder)])


def _of_data(name: str, comparison: Comparison, by: str) -> Iterator[str]:
    branches = comparison.branches
    trials = [branch.trials for branch in branches.values()]
    each = f"{trials[0]}" if len(set(trials)) == 1 else f"{min(trials)} to {max(trials)}"
    what = name if name != "none" else "a function"
    yield (
        f"{by.capitalize()}s on {what}: {each} trials each, {comparison.epochs} epochs a trial; "
        f"{comparison.goal.name} on {comparison.seeds} fresh seeds:"
    )
    order = sorted(branches, key=lambda name: _mean(branches[name]))
    yield from _table([HEAD, *(_row(name, comparison) for name in order)])
    yield (
        f"  epochs, seconds: until the mean reaches {comparison.target:.4g}; good rates: decades "
        "of learning rates that are good, the lowest and the highest of them"
    )
    if comparison.stopped:
        yield f"  the study stopped short of its trials: {comparison.stopped}"
    if pruned := sum(branch.pruned for branch in branches.values()):
        yield f"  {pruned} trials were pruned: they count as what they had reached by then"
    yield from _best(order, branches)
    if comparison.winners:
        yield f"  expected best of k trials: {_spans(comparison.budgets, comparison.winners)}"


def _mean(branch: BranchResult) -> float:
    """What the branch's best reaches; infinity where it has none, or it diverged on some seed."""
    return branch.tuned.mean.mean if branch.tuned and branch.tuned.mean else math.inf


def _row(name: str, comparison: Comparison) -> tuple[str, ...]:
    branch, goal = comparison.branches[name], comparison.goal
    epochs, seconds, basin = branch.to_target, comparison.seconds.get(name), branch.basin
    return (
        name,
        reached(branch.tuned, goal) if branch.tuned else _none(branch),
        _textbook(branch, goal),
        _gain(branch),
        "never" if epochs is None else str(epochs),
        "-" if epochs is None or seconds is None else f"{epochs * seconds:.2g}",
        f"{basin.decades:.2g}, {basin.low:.2g} to {basin.high:.2g}" if basin else "-",
    )


def _none(branch: BranchResult) -> str:
    """Why there is nothing to tell of a branch."""
    return f"none ended: {branch.diverged} diverged, {branch.pruned} pruned"


def _textbook(branch: BranchResult, goal: Goal) -> str:
    default = branch.default
    return f"{goal.turn(default.mean.mean):.4g}" if default and default.mean else "-"


def _gain(branch: BranchResult) -> str:
    """How much worse the textbook's settings are than the tuned ones."""
    worse = branch.default.worse if branch.default else None
    if worse is None:
        return "-"
    return f"-{plus_minus(worse)}" if worse.mean < 0 else plus_minus(worse)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of equal width, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _best(order: Sequence[str], branches: Mapping[str, BranchResult]) -> Iterator[str]:
    """Which branch is best once tuned, and which of the others the noise does not set apart."""
    first, second = order[:2]
    if _mean(branches[first]) == math.inf:
        yield "  no branch has a trial that trained to the end on all seeds"
        return
    if _mean(branches[second]) == math.inf:
        yield f"  {first} alone has a trial that trained to the end on all seeds"
        return
    alike = [name for name in order[1:] if branches[name].alike]
    also = f"; the noise does not set it apart from {', '.join(alike)}" if alike else ""
    yield f"  the best once tuned: {first}{also or ', by more than noise'}"


def _spans(budgets: Sequence[int], names: Sequence[str]) -> str:
    """Budgets with the same winner, put together."""
    if len(set(names)) == 1:
        return f"{names[0]} whatever k is, up to {budgets[-1]}"
    spans = []
    for name, own in groupby(zip(budgets, names, strict=True), key=lambda pair: pair[1]):
        ks = [str(k) for k, _ in own]
        spans.append(f"{name} for k = {', '.join(ks)}")
    return "; ".join(spans)


def _across(profiles: Profiles, by: str) -> Iterator[str]:
    """How often each branch is fastest, and how often it gets there at all."""
    count, shares = len(profiles.data), profiles.shares
    yield f"Over {count} data sets, epochs to the target (Dolan & More's profiles):"
    rows: list[Sequence[str]] = [(by, "fastest", "at most twice as many", "ever")]
    for name in sorted(shares, key=lambda name: [-share for share in shares[name]]):
        rows.append((name, *(f"{round(share * count)} of {count}" for share in shares[name])))
    yield from _table(rows)
