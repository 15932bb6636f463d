"""The text of a comparison: its tables and sentences."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tuner.report import verdict
from tuner.report.reached import plus_minus, reached
from tuner.search.trials import Goal
from tuner.study.comparison_result import (
    BranchResult,
    Comparison,
    Comparisons,
    Profiles,
    plural,
)  # fmt: skip
from tuner.study.results import Repeated, StudyResult

HEAD = ("", "tuned, 95 % interval", "textbook", "tuning gains", "epochs", "seconds", "good rates")

# Columns that are shown only if they are not empty: a user function has no textbook settings.
MAYBE = ("textbook", "tuning gains", "seconds", "good rates")

# Why the study's own verdict may differ from the comparison.
OTHERWISE = "which confirms the best of all trials, on other seeds than the comparison of each {by}"

# The most lines of a headline.
MOST = 6


def headline(comparisons: Comparisons, results: Mapping[str, StudyResult]) -> list[str]:
    """Which branch is best, and whether by more than noise, in at most six lines.

    Args:
        comparisons: the comparisons on all data sets.
        results: the results of their studies, by data set; if a study chose another winner, a line
            says why.
    """
    by, data = comparisons.by, comparisons.data
    if not data:
        return ["No trial has ended: there is nothing to compare."]
    if len(data) > 1:
        lines = [f"{_title(by, name)}: {_best(own)}." for name, own in data.items()]
        more = len(lines) - MOST
        return lines if more <= 0 else [*lines[: MOST - 1], f"{more + 1} more data sets: below."]
    ((name, comparison),) = data.items()
    order, branches = _order(comparison), comparison.branches
    lines = [f"{_title(by, name)}: {_best(comparison)}."]
    best = branches[order[0]]
    if best.tuned is not None and best.default is not None:
        lines.append(_tuned(order[0], best.default))
    lost = [
        f"{name} {own.diverged} of {own.trials}" for name, own in branches.items() if own.diverged
    ]
    lines.append(f"Diverged: {', '.join(lost)}." if lost else "No sampled trial diverged.")
    if name in results:
        lines += _other_winner(comparison, by, order[0], results[name])
    alike = _alike(order, branches)
    if alike:
        seeds = 2 * comparison.seeds
        lines.append(f"Next: more seeds may tell them apart, as confirm.seeds={seeds}.")
    elif best.tuned is not None and best.tuned.mean is not None:
        # A branch of a setting with choices is named like an override, such as width=64.
        above = by.removesuffix(by.rpartition(".")[2])
        alone = f"{above}{order[0]}" if "=" in order[0] else f"{by}={order[0]}"
        lines.append(f"Next: tune it alone, with {alone}.")
    return lines


def tables(comparisons: Comparisons) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
    """A table for each data set, and one over all of them, by their captions."""
    found: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
        _words(name, own, comparisons.by): told(
            _head(own), [_row(branch, own) for branch in _order(own)]
        )
        for name, own in comparisons.data.items()
    }
    if comparisons.profiles is not None:
        words, table = _across(comparisons.profiles, comparisons.by)
        found[words] = table
    return found


def told(
    head: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """A table without the empty columns of MAYBE."""
    kept = [
        place
        for place, name in enumerate(head)
        if name not in MAYBE or any(row[place] != "-" for row in rows)
    ]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in rows]


def evidence(
    comparisons: Comparisons, results: Mapping[str, StudyResult], folder: Path
) -> list[str]:
    """The evidence for the headline, line by line.

    Args:
        comparisons: the comparisons on all data sets.
        results: the results of their studies, by data set.
        folder: the folder of the command's study, `<root>/studies/<study>`.
    """
    lines = []
    for name, comparison in comparisons.data.items():
        if len(comparisons.data) > 1:
            lines.append(f"{_title(comparisons.by, name)}:")
            order, best = _order(comparison), comparison.branches[_order(comparison)[0]]
            if best.tuned is not None and best.default is not None:
                lines.append(f"  {_tuned(order[0], best.default)}")
            if name in results:
                other = _other_winner(comparison, comparisons.by, order[0], results[name])
                lines += [f"  {line}" for line in other]
        lines += _of_data(comparison)
        if name in results:
            lines.append(f"The study {comparison.study}, {OTHERWISE.format(by=comparisons.by)}:")
            lines += [f"  {line}" for line in verdict.evidence(results[name], {})]
    return [*lines, f"Pictures and all numbers: {_places(comparisons, folder)}"]


def is_doubtful(comparisons: Comparisons) -> bool:
    """Whether the best branch is unknown, or within the noise, on any data set."""
    return not comparisons.data or any(
        len(order := _order(own)) > 1
        and (_mean(own.branches[order[0]]) == math.inf or _alike(order, own.branches))
        for own in comparisons.data.values()
    )


def _places(comparisons: Comparisons, folder: Path) -> str:
    places = [str(folder.parent / comparison.study) for comparison in comparisons.data.values()]
    return ", ".join(places if len(places) == 1 else [*places, str(folder)])


def _title(by: str, name: str) -> str:
    words = plural(by)
    return f"{words[0].upper()}{words[1:]} on {name if name != 'none' else 'a function'}"


def _words(name: str, comparison: Comparison, by: str) -> str:
    """The caption of a table."""
    trials = [branch.trials for branch in comparison.branches.values()]
    each = f"{trials[0]}" if len(set(trials)) == 1 else f"{min(trials)} to {max(trials)}"
    many = f"{each} trial{'s' * (each != '1')} each, {comparison.epochs} epochs a trial"
    on = f" on {comparison.seeds} fresh seeds" if comparison.seeds else ""
    return f"{_title(by, name)}: {many}; {comparison.goal.name}{on}:"


def _scores(comparison: Comparison) -> list[str]:
    """The metrics of the branches besides the study's own."""
    own = (name for branch in comparison.branches.values() for name in branch.scores)
    return [name for name in dict.fromkeys(own) if _short(name) != comparison.goal.name]


def _short(metric: str) -> str:
    """A metric's name without "validation_", which all have."""
    return metric.removeprefix("validation_")


def _head(comparison: Comparison) -> tuple[str, ...]:
    first, tuned, *others = HEAD
    scores = map(_short, _scores(comparison))
    return first, tuned if comparison.seeds else "tuned", *scores, *others


def _of_data(comparison: Comparison) -> Iterator[str]:
    """The notes below a table."""
    both = "epochs, seconds" if comparison.seconds else "epochs"
    said = f"  {both}: until the mean reaches {comparison.target:.4g}"
    if any(branch.basin for branch in comparison.branches.values()):
        said += "; good rates: width in decades, lowest and highest good learning rate"
    if scores := _scores(comparison):
        said += f"; {', '.join(map(_short, scores))}: at the end of its trial in the search"
    yield said
    if comparison.stopped:
        yield f"  the study stopped before its last trial: {comparison.stopped}"
    if pruned := sum(branch.pruned for branch in comparison.branches.values()):
        yield f"  {pruned} trials were pruned: each counts by its value at that point"
    if comparison.winners:
        yield f"  expected best of k trials: {_spans(comparison.budgets, comparison.winners)}"


def _order(comparison: Comparison) -> list[str]:
    """The branches, the best first."""
    return sorted(comparison.branches, key=lambda name: _mean(comparison.branches[name]))


def _alike(order: Sequence[str], branches: Mapping[str, BranchResult]) -> list[str]:
    """The branches within the noise of the first, by the intervals of all pairs."""
    tuned = {name: own for name in order[1:] if (own := branches[name].tuned) is not None}
    return [n for n, own in tuned.items() if own.mean and not (own.worse and own.worse.low > 0)]


def _tuned(name: str, default: Repeated) -> str:
    """The gain of tuning the best branch over its textbook settings."""
    books = f"the textbook settings (trial {default.trial})"
    if default.worse is None:
        return f"The gain of tuning {name} over {books} is unknown: some seed diverged."
    difference = plus_minus(default.worse)
    if default.worse.holds_zero:
        side = "better" if default.worse.mean >= 0 else "worse"
        return f"The gap of tuned {name} to {books} is within the noise: {difference} {side}."
    if default.worse.mean < 0:
        return f"But {books} are better by {difference} than {name} tuned."
    return f"Tuning {name} is better than {books} by {difference}."


def _other_winner(comparison: Comparison, by: str, best: str, result: StudyResult) -> Iterator[str]:
    """Why the study's own winner, which is saved and tested, differs from the best."""
    winner = result.winning
    tuned = comparison.branches[best].tuned
    if winner is None or (tuned is not None and tuned.trial == winner.number):
        return
    own = winner.settings.get(by)
    reason = f"the study confirms the best of all trials, the comparison the best of each {by}"
    confirmed = result.confirmation
    if confirmed is not None and confirmed.winner != confirmed.trials[0].trial:
        reason = f"of equal trials it takes the simplest ({confirmed.why})"
    elif confirmed is None:
        reason = "it is the best of the search, not confirmed on fresh seeds"
    yield f"The study saved trial {winner.number}, {own}, as its winner: {reason}."


def _mean(branch: BranchResult) -> float:
    """The mean of the branch's best; infinity if it has none, or it diverged on some seed."""
    return branch.tuned.mean.mean if branch.tuned and branch.tuned.mean else math.inf


def _row(name: str, comparison: Comparison) -> tuple[str, ...]:
    branch, goal = comparison.branches[name], comparison.goal
    epochs, seconds, basin = branch.to_target, comparison.seconds.get(name), branch.basin
    return (
        name,
        _reached(branch.tuned, comparison) if branch.tuned else _none(branch),
        *(_score(branch.scores.get(metric)) for metric in _scores(comparison)),
        _textbook(branch, goal),
        _gain(branch),
        "never" if epochs is None else str(epochs),
        "-" if epochs is None or seconds is None else f"{epochs * seconds:.2g}",
        f"{basin.decades:.2g}, {basin.low:.2g} to {basin.high:.2g}" if basin else "-",
    )


def _reached(tuned: Repeated, comparison: Comparison) -> str:
    """A trial's mean; without an interval if nothing depends on seeds."""
    if comparison.seeds or tuned.mean is None:
        return reached(tuned, comparison.goal)
    return f"{comparison.goal.turn(tuned.mean.mean):.4g}"


def _score(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"


def _none(branch: BranchResult) -> str:
    """Why a branch has no result."""
    return f"none ended: {branch.diverged} diverged, {branch.pruned} pruned"


def _textbook(branch: BranchResult, goal: Goal) -> str:
    default = branch.default
    return f"{goal.turn(default.mean.mean):.4g}" if default and default.mean else "-"


def _gain(branch: BranchResult) -> str:
    """How much worse the textbook settings are than the tuned ones."""
    worse = branch.default.worse if branch.default else None
    if worse is None:
        return "-"
    return f"-{plus_minus(worse)}" if worse.mean < 0 else plus_minus(worse)


def _best(comparison: Comparison) -> str:
    """Which branch is best once tuned, and which others are within its noise."""
    order, branches = _order(comparison), comparison.branches
    first, seeds = branches[order[0]].tuned, " on all seeds" if comparison.seeds else ""
    if first is None or first.mean is None:
        return f"none has a trial that trained to the end{seeds}"
    goal = comparison.goal
    words = f"{order[0]} (trial {first.trial}, {goal.name} {_reached(first, comparison)})"
    if all(_mean(branches[name]) == math.inf for name in order[1:]):
        return f"{words} alone has a trial that trained to the end{seeds}"
    if alike := _alike(order, branches):
        others = ", ".join(alike)
        apart = f"but it is within the noise of {others}"
        return f"{words} has the best mean once tuned, {apart}"
    noise = ", by more than noise" if comparison.seeds else ""
    return f"{words} is the best once tuned{noise}"


def _spans(budgets: Sequence[int], names: Sequence[str]) -> str:
    """The winners by budget, with equal ones grouped."""
    if len(set(names)) == 1:
        return f"{names[0]} for all k up to {budgets[-1]}"
    spans = []
    for name, own in groupby(zip(budgets, names, strict=True), key=lambda pair: pair[1]):
        ks = [str(k) for k, _ in own]
        spans.append(f"{name} for k = {', '.join(ks)}")
    return "; ".join(spans)


def _across(profiles: Profiles, by: str) -> tuple[str, tuple[Sequence[str], list[Sequence[str]]]]:
    """How often each branch is fastest, and how often it reaches the target at all."""
    count, shares = len(profiles.data), profiles.shares
    rows: list[Sequence[str]] = [
        (name, *(f"{round(share * count)} of {count}" for share in shares[name]))
        for name in sorted(shares, key=lambda name: [-share for share in shares[name]])
    ]
    words = f"Over {count} data sets, epochs to the target (Dolan & More's profiles):"
    return words, ((by, "fastest", "at most twice as many", "ever"), rows)
