"""What fresh seeds say of a study's best trials, in words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tuner.search import initial_trials
from tuner.search.trials import Goal

Told = Mapping[str, Any]


def ranking(confirmed: Told, goal: Goal) -> Iterator[str]:
    """The trials as fresh seeds rank them, and the winner; confirmed: from `Repeating`."""
    yield f"Trained again on {confirmed['seeds']} fresh seeds, mean {goal.name} and 95 % interval:"
    several = len({told["optimizer"] for told in confirmed["trials"]}) > 1
    for place, told in enumerate(confirmed["trials"]):
        name = f", {told['optimizer']}" if several else ""
        yield f"  trial {told['trial']}{name}: {reached(told, goal)}{_beside_best(told, place)}"
    yield f"The winner is trial {confirmed['winner']}: {_why(confirmed)}."


def worth(confirmed: Told, goal: Goal) -> str:
    """What the winner reaches on seeds that did not choose it, and what the search believed."""
    judged = confirmed["judged"]
    told = f"{goal.name} {reached(judged, goal)}; {_optimism(judged, goal)}"
    return f"  on {confirmed['seeds']} other seeds: {told}"


def over_defaults(confirmed: Told, goal: Goal) -> Iterator[str]:
    """How far tuning beat each optimizer's textbook settings, on the seeds that judge."""
    for told in confirmed["defaults"]:
        line = (
            f"Trial {told['trial']}, {initial_trials.described(told['origin'])}, on the same seeds"
        )
        yield f"{line}: {goal.name} {reached(told, goal)}; {beaten(told['worse'])}."


def reached(told: Told, goal: Goal) -> str:
    if told["diverged"]:
        return f"diverged on {told['diverged']} of {len(told['values'])} seeds"
    mean = told["mean"]
    ends = sorted(goal.turn(mean[end]) for end in ("low", "high"))
    return f"{goal.turn(mean['mean']):.4g} ({ends[0]:.4g} to {ends[1]:.4g})"


def _beside_best(told: Told, place: int) -> str:
    if place == 0 or told["worse"] is None:
        return ""
    if told["alike"]:
        return ", as good as the first as far as the noise can tell"
    return f", worse by {plus_minus(told['worse'])}"


def _why(confirmed: Told) -> str:
    """Why the winner is that one."""
    first, winner = confirmed["trials"][0]["trial"], confirmed["winner"]
    alike = [told["trial"] for told in confirmed["trials"] if told["alike"]]
    if winner != first:
        return f"as good as trial {first} and simpler: {confirmed['why']}"
    if len(alike) > 1:
        others = ", ".join(str(number) for number in alike if number != first)
        return f"the noise does not set it apart from {others}, but none of these is simpler"
    return "it was confirmed alone" if len(confirmed["trials"]) == 1 else "its lead is not noise"


def _optimism(judged: Told, goal: Goal) -> str:
    """How much better the search believed the winner to be."""
    if judged["believed"] is None:
        return "the search had no number for it"
    believed = f"the search believed {goal.turn(judged['believed']):.4g}"
    if judged["diverged"]:
        return believed
    optimism = judged["mean"]["mean"] - judged["believed"]
    return f"{believed}, {abs(optimism):.2g} too {'good' if optimism >= 0 else 'bad'}"


def beaten(worse: Told | None) -> str:
    """By how much tuning beat other settings, which are `worse` by that."""
    if worse is None:
        return "no number to compare"
    if worse["low"] <= 0 <= worse["high"]:
        return "the noise does not tell tuning apart from them"
    return f"tuning is {plus_minus(worse)} {'better' if worse['mean'] > 0 else 'worse'}"


def plus_minus(interval: Told) -> str:
    """A difference and the half of its interval, x +- y, to two digits of y."""
    mean, half = abs(interval["mean"]), (interval["high"] - interval["low"]) / 2
    if half == 0:
        return f"{mean:.2g} +- 0"
    places = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:.{places}f} +- {half:.{places}f}"
