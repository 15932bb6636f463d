"""The verdict: what a study found, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.codec import Settings
from tuner.report import confirmation
from tuner.search.initial_trials import described
from tuner.search.statistics import deviation
from tuner.search.trials import Curves, Goal, TrialResult
from tuner.study.results import Divergence, StudyResult

# Studies of no more trials than this are described trial by trial.
FEW = 12


def describe(result: StudyResult, curves: Mapping[int, Curves]) -> str:
    """The verdict on a study.

    Args:
        result: how it ended.
        curves: by number; where they are not empty the trials are described one by one, with the
            first points of those that descend on a function.
    """
    ended = ", ".join(f"{n} {state}" for state, n in result.trials.items()) or "none ended"
    lines = ["", f"Study {result.study}: {len(result.all)} trials: {ended}."]
    lines.append(f"Why it stopped: {result.stopped}.")
    if len(result.all) <= FEW:
        lines += _table(result, curves)
    best = result.best
    if best is not None:
        lines.append(f"The best is trial {best.number}:")
        lines.append(searched(best.settings, result.searched))
        scores = {"loss": best.validation_loss, **_plain(best.scores)}
        lines.append(f"  validation {_listed(scores, result.goal)}{_spread(best)}")
        lines.append(f"  its curve: {best.label}, {best.evidence}; advice: {best.advice}")
        lines += _judged(result)
    elif result.all_diverged:
        lines.append(_all_diverged(result))
    else:
        lines.append("No trial has trained to the end, so there is no winner yet.")
    lines += [_divergence(d) for d in result.divergence]
    lines += [f"Note: {note}." for note in result.notes]
    return "\n".join(lines)


def searched(settings: Settings, paths: Sequence[str]) -> str:
    """The settings at these paths, one a line."""
    return "\n".join(f"    {path} = {number(settings[path])}" for path in paths if path in settings)


def number(value: Any) -> str:
    """A number to four digits; anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _judged(result: StudyResult) -> Iterator[str]:
    """What the winner is worth on fresh seeds, on the test part and next to the textbook's."""
    confirmed, goal, best = result.confirmation, result.goal, result.best
    winner = result.winning or best
    assert winner is not None
    confirmed_defaults: set[int] = set()
    if confirmed:
        yield from confirmation.ranking(confirmed, goal)
        if winner is not best and winner != best:
            yield searched(winner.settings, result.searched)
        yield confirmation.worth(confirmed, goal)
        confirmed_defaults = {default.trial for default in confirmed.defaults}
    if result.test:
        yield f"  test {_listed(result.test, goal)}, measured this once"
    if confirmed:
        yield from confirmation.over_defaults(confirmed, goal)
    others = [t for t in result.all if t.number not in confirmed_defaults]
    yield from _over_defaults(winner, others, goal)


def _plain(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """Scores by their names alone."""
    return {name.removeprefix("validation_"): value for name, value in scores.items()}


def _listed(scores: Mapping[str, float | None], goal: Goal) -> str:
    """Numbers by name, the one that counts first."""
    names = sorted(scores, key=lambda name: name != goal.name)
    return ", ".join(f"{name} {number(scores[name])}" for name in names if scores[name] is not None)


def _spread(trial: TrialResult) -> str:
    """How far a trial's members lie apart, where it has several."""
    numbers = [value for _, _, value in trial.members if value is not None]
    if len(trial.members) < 2 or len(numbers) < len(trial.members):
        return ""
    return f"; mean of {len(numbers)} folds, deviation {deviation(numbers):.2g}"


def _over_defaults(best: TrialResult, trials: Sequence[TrialResult], goal: Goal) -> Iterator[str]:
    """What tuning gained over each optimizer's textbook settings."""
    for trial in trials:
        if not trial.is_default or trial.value is None or best.value is None:
            continue
        reached = f"{goal.name} {goal.turn(trial.value):.4g}"
        subject = f"Trial {trial.number}, {described(trial.origin)},"
        if trial.number == best.number:
            yield f"{subject} is the best that was found."
        elif trial.state != "COMPLETE":
            yield f"{subject} {trial.state.lower()} at epoch {trial.epochs}, had {reached}."
        else:
            gain = trial.value - best.value
            yield f"{subject} reached {reached}: tuning is {gain:.2g} better."


def _all_diverged(result: StudyResult) -> str:
    rates = [t.learning_rate for t in result.all if t.state == "DIVERGED"]
    known = [rate for rate in rates if rate is not None]
    mend = f"learning rates below {min(known) / 10:.1g}" if known else "gentler settings"
    return f"Every trial diverged: try {mend}."


def _divergence(d: Divergence) -> str:
    """How many trials of an optimizer diverged, and above which rate."""
    whose = f" of {d.optimizer}" if d.optimizer else ""
    if not d.diverged:
        rate = d.highest_stable_rate
        tried = f"; the highest learning rate tried was {rate:.3g}" if rate else ""
        return f"No trial{whose} diverged{tried}."
    line = f"{d.diverged} of {d.trials} trials{whose} diverged"
    if d.lowest_diverged_rate is None:
        return f"{line}."
    line += f", all with learning rates from {d.lowest_diverged_rate:.3g} up"
    above = d.stable_above_it
    return line + (f", where {above} others did not." if above else ", where no other was stable.")


def _table(result: StudyResult, curves: Mapping[int, Curves]) -> Iterator[str]:
    """A line a trial: its settings, its losses, its first iterates where it has one, its label."""
    for trial in result.all:
        own = curves.get(trial.number, {})
        chosen = ", ".join(
            f"{path.rsplit('.', 1)[-1]} {number(trial.settings[path])}"
            for path in result.searched
            if path in trial.settings
        )
        axes = [name for name in ("x", "y") if name in own]
        way = zip(*(map(number, own[name][:4]) for name in axes), strict=True)
        points = [f"({', '.join(at)})" if len(at) > 1 else at[0] for at in way]
        steps = f"  {', '.join(axes)}: {', '.join(points)}, ..." if points else ""
        loss = trial.validation_loss
        end = "not finite" if loss is None else f"{loss:.4g}"
        yield (
            f"  trial {trial.number}: {chosen:<12} {trial.label:<12} loss {end:<10}"
            f" after {trial.epochs} epochs{steps}"
        )
