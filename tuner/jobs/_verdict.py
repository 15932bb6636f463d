"""The verdict: what a study found, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.jobs import _confirmed
from tuner.search import initial_trials
from tuner.search.statistics import deviation
from tuner.search.trials import Goal

Summary = Mapping[str, Any]

# Studies of no more trials than this are told trial by trial.
FEW = 12


def best_of(summaries: Sequence[Summary]) -> Summary | None:
    """The trial with the lowest value among those that trained to the end."""
    complete = [s for s in summaries if s["state"] == "COMPLETE"]
    return min(complete, key=lambda s: (s["value"], s["number"]), default=None)


def top_of(summaries: Sequence[Summary], count: int) -> list[Summary]:
    """The best of those that trained to the end, the best first."""
    complete = [s for s in summaries if s["state"] == "COMPLETE"]
    return sorted(complete, key=lambda s: (s["value"], s["number"]))[:count]


def rate_of(summary: Summary) -> float:
    """The learning rate that a trial started with."""
    settings = summary["settings"]
    rate: float = settings[f"optimizer.{settings['optimizer']}.lr"]
    return rate


def divergence(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """For each optimizer: how many trials diverged, and the lowest rate that did."""
    out = []
    for optimizer in dict.fromkeys(s["settings"]["optimizer"] for s in summaries):
        trials = [s for s in summaries if s["settings"]["optimizer"] == optimizer]
        rates = [rate_of(s) for s in trials if s["state"] == "DIVERGED"]
        stable = [rate_of(s) for s in trials if s["state"] in ("COMPLETE", "PRUNED")]
        lowest = min(rates, default=None)
        out.append(
            {
                "optimizer": optimizer,
                "trials": len(trials),
                "diverged": len(rates),
                "lowest_diverged_rate": lowest,
                "stable_above_it": sum(lowest is not None and r > lowest for r in stable),
                "highest_stable_rate": max(stable, default=None),
            }
        )
    return out


def counts(summaries: Sequence[Summary]) -> dict[str, int]:
    """Trials by state, in small letters."""
    states = [s["state"].lower() for s in summaries]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def all_diverged(trials: Mapping[str, int]) -> bool:
    """Whether trials have ended and every one diverged, by `counts`.

    Those that were interrupted or failed say nothing.
    """
    return trials.keys() - {"interrupted", "failed"} == {"diverged"}


def searched(settings: Mapping[str, Any], paths: Sequence[str]) -> str:
    """The settings that were searched, one a line."""
    return "\n".join(f"    {path} = {number(settings[path])}" for path in paths if path in settings)


def number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def describe(result: Mapping[str, Any], paths: Sequence[str], trials: Sequence[Summary]) -> str:
    """The verdict on a study.

    result: the `result` part of result.json; paths: those that were searched; trials: summaries.
    """
    ended = ", ".join(f"{n} {state}" for state, n in result["trials"].items()) or "none ended"
    lines = ["", f"Study {result['study']}: {len(trials)} trials: {ended}."]
    lines.append(f"Why it stopped: {result['stopped']}.")
    if len(trials) <= FEW:
        lines += table(trials, paths)
    best = result["best"]
    if best is not None:
        lines.append(f"The best is trial {best['number']}:")
        lines.append(searched(best["settings"], paths))
        goal = Goal(**result["goal"])
        validation = {"loss": best["validation_loss"], **plain(best["scores"])}
        lines.append(f"  validation {listed(validation, goal)}{spread(best)}")
        lines.append(f"  its curve: {best['label']}, {best['evidence']}; advice: {best['advice']}")
        lines += judged(result, goal, paths, trials)
    elif all_diverged(result["trials"]):
        lowest = min(rate_of(s) for s in trials if s["state"] == "DIVERGED")
        lines.append(f"Every trial diverged: try learning rates below {lowest / 10:.1g}.")
    else:
        lines.append("No trial has trained to the end, so there is no winner yet.")
    lines += [divergence_line(d) for d in result["divergence"]]
    return "\n".join(lines)


def judged(
    result: Mapping[str, Any], goal: Goal, paths: Sequence[str], trials: Sequence[Summary]
) -> Iterator[str]:
    """What the winner is worth on fresh seeds, on the test part and beside the textbook's."""
    confirmed, best = result["confirmation"], result["best"]
    winner = next((s for s in trials if s["number"] == result["winner"]), best)
    told: set[int] = set()
    if confirmed:
        yield from _confirmed.ranking(confirmed, goal)
        if winner["number"] != best["number"]:
            yield searched(winner["settings"], paths)
        yield _confirmed.worth(confirmed, goal)
        told = {d["trial"] for d in confirmed["defaults"]}
    if result["test"]:
        yield f"  test {listed(result['test'], goal)}, measured this once"
    if confirmed:
        yield from _confirmed.over_defaults(confirmed, goal)
    yield from over_defaults(winner, [s for s in trials if s["number"] not in told], goal)


def plain(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores by their names alone."""
    return {name.removeprefix("validation_"): value for name, value in scores.items()}


def listed(scores: Mapping[str, float], goal: Goal) -> str:
    """Numbers by name, the one that counts first."""
    names = sorted(scores, key=lambda name: name != goal.name)
    return ", ".join(f"{name} {number(scores[name])}" for name in names)


def spread(summary: Summary) -> str:
    """How far a trial's members lie apart, where it has several."""
    numbers = [value for _, _, value in summary["members"]]
    if len(numbers) < 2 or None in numbers:
        return ""
    return f"; mean of {len(numbers)} folds, deviation {deviation(numbers):.2g}"


def over_defaults(best: Summary, trials: Sequence[Summary], goal: Goal) -> list[str]:
    """What tuning gained over each optimizer's textbook settings."""
    lines = []
    for s in trials:
        if "default" not in s["origin"] or s["value"] is None:
            continue
        reached = f"{goal.name} {goal.turn(s['value']):.4g}"
        told = f"Trial {s['number']}, {initial_trials.described(s['origin'])},"
        if s["number"] == best["number"]:
            lines.append(f"{told} is the best that was found.")
        elif s["state"] != "COMPLETE":
            lines.append(f"{told} {s['state'].lower()} at epoch {s['epochs']}, had {reached}.")
        else:
            gain = s["value"] - best["value"]
            lines.append(f"{told} reached {reached}: tuning is {gain:.2g} better.")
    return lines


def divergence_line(d: Mapping[str, Any]) -> str:
    """How many trials of an optimizer diverged, and above which rate."""
    if not d["diverged"]:
        rate = d["highest_stable_rate"]
        tried = f"; the highest learning rate tried was {rate:.3g}" if rate else ""
        return f"No trial of {d['optimizer']} diverged{tried}."
    line = f"{d['diverged']} of {d['trials']} trials of {d['optimizer']} diverged, "
    line += f"all with learning rates from {d['lowest_diverged_rate']:.3g} up"
    above = d["stable_above_it"]
    return line + (f", where {above} others did not." if above else ", where no other was stable.")


def table(trials: Sequence[Summary], paths: Sequence[str]) -> list[str]:
    """A line a trial: its settings, its losses, its first iterates where it has one, its label."""
    lines = []
    for s in trials:
        chosen = ", ".join(
            f"{path.rsplit('.', 1)[-1]} {number(s['settings'][path])}"
            for path in paths
            if path in s["settings"]
        )
        axes = [name for name in ("x", "y") if name in s["curves"]]
        way = zip(*(map(number, s["curves"][name][:4]) for name in axes), strict=True)
        points = [f"({', '.join(at)})" if len(at) > 1 else at[0] for at in way]
        steps = f"  {', '.join(axes)}: {', '.join(points)}, ..." if points else ""
        loss = s["validation_loss"]
        end = "not finite" if loss is None else f"{loss:.4g}"
        lines.append(
            f"  trial {s['number']}: {chosen:<12} {s['label']:<12} loss {end:<10}"
            f" after {s['epochs']} epochs{steps}"
        )
    return lines
