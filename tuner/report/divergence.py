"""Divergence in words: how many trials of a study diverged, and at which learning rates."""

from collections.abc import Sequence

from tuner.study.results import Divergence


def summary(divergence: Sequence[Divergence]) -> str:
    """How many trials diverged, and the lowest rate among them."""
    diverged, trials = sum(d.diverged for d in divergence), sum(d.trials for d in divergence)
    if not diverged:
        return "No trial diverged."
    rates = [
        f"{d.optimizer} from {d.lowest_diverged_rate:.3g}"
        for d in divergence
        if d.lowest_diverged_rate is not None
    ]
    lowest = divergence[0].lowest_diverged_rate
    if len(divergence) == 1 and lowest is not None:
        rates = [f"at learning rates of {lowest:.3g} or more"]
    where = f": {', '.join(rates)}" if rates else ""
    return f"{diverged} of {trials} trials diverged{where}."


def of_optimizer(d: Divergence) -> str:
    """How many trials of an optimizer diverged, and at which rates."""
    whose = f" of {d.optimizer}" if d.optimizer else ""
    if not d.diverged:
        rate = d.highest_stable_rate
        tried = f"; the highest learning rate tried was {rate:.3g}" if rate else ""
        return f"No trial{whose} diverged{tried}."
    line = f"{d.diverged} of {d.trials} trials{whose} diverged"
    if d.lowest_diverged_rate is None:
        return f"{line}."
    line += f", all at learning rates of {d.lowest_diverged_rate:.3g} or more"
    above = d.stable_above_it
    return line + (f"; {above} others there did not." if above else "; no other there was stable.")
