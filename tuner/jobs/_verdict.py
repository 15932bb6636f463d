"""The verdict: what a study found, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

Summary = Mapping[str, Any]

# Studies of no more trials than this are told trial by trial.
FEW = 12


def best_of(summaries: Sequence[Summary]) -> Summary | None:
    """The trial with the lowest validation loss among those that trained to the end."""
    complete = [s for s in summaries if s["state"] == "COMPLETE"]
    return min(complete, key=lambda s: (s["validation_loss"], s["number"]), default=None)


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
    if len(trials) <= FEW:
        lines += table(trials, paths)
    best = result["best"]
    if best is not None:
        lines.append(f"The best is trial {best['number']}:")
        lines.append(searched(best["settings"], paths))
        lines.append(f"  validation loss {best['validation_loss']:.4g}{scores(best['scores'])}")
        if result["test"]:
            test = dict(result["test"])
            lines.append(f"  test loss {test.pop('loss'):.4g}{scores(test)}, measured this once")
        lines.append(f"  its curve: {best['label']}, {best['evidence']}; advice: {best['advice']}")
    elif result["trials"].keys() == {"diverged"}:
        lowest = min(rate_of(s) for s in trials)
        lines.append(f"Every trial diverged: try learning rates below {lowest / 10:.1g}.")
    else:
        lines.append("No trial has trained to the end, so there is no winner yet.")
    lines += [divergence_line(d) for d in result["divergence"]]
    return "\n".join(lines)


def scores(metrics: Mapping[str, float]) -> str:
    names = {name: name.removeprefix("validation_") for name in metrics}
    return "".join(f", {names[name]} {number(value)}" for name, value in metrics.items())


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
        way = s["curves"].get("x", [])[:4]
        steps = f"  x: {', '.join(number(x) for x in way)}, ..." if way else ""
        loss = s["validation_loss"]
        end = "not finite" if loss is None else f"{loss:.4g}"
        lines.append(
            f"  trial {s['number']}: {chosen:<12} {s['label']:<12} loss {end:<10}"
            f" after {s['epochs']} epochs{steps}"
        )
    return lines
