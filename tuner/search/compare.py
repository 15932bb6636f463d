"""Comparison: what the trials of a study say of the branches that they took, at equal budgets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tuner.search.confirm import Repeats
from tuner.search.space import Range, Space
from tuner.search.statistics import best_of_k, winners, worth

Summary = Mapping[str, Any]

# Trials that say something of their settings.
ENDED = ("COMPLETE", "PRUNED", "DIVERGED")


@dataclass(frozen=True)
class Branch:
    """One branch: the trials that a sampler drew there, and the textbook's.

    A trial that diverged or ended above its start is worth its start; one that was pruned, what it
    had reached by then. default: the textbook's settings there, or of the study where the branch
    has none of its own; None where these did not train to the end.
    """

    name: str
    drawn: Sequence[Summary]
    default: Summary | None

    @property
    def values(self) -> list[float]:
        """What the drawn trials are worth, lower is better."""
        return [value_of(s) for s in self.drawn]

    def top(self, count: int) -> list[Summary]:
        """The best of the drawn trials that trained to the end, the best first."""
        complete = [s for s in self.drawn if s["state"] == "COMPLETE"]
        return sorted(complete, key=lambda s: (s["value"], s["number"]))[:count]


def value_of(summary: Summary) -> float:
    final, start = summary["value"], summary["start"]
    lost = final is None or summary["state"] == "DIVERGED"
    return worth(math.nan if lost else final, start)


def branches(summaries: Sequence[Summary], group: str, options: Sequence[str]) -> list[Branch]:
    """The branches of a group, each with its trials."""
    ended = [s for s in summaries if s["state"] in ENDED]
    books = [s for s in ended if "default" in s["origin"]]
    out = []
    for name in options:
        own = [s for s in ended if s["settings"][group] == name and not s["origin"]]
        near = [s for s in books if s["settings"][group] == name] or books
        whole = [s for s in near if s["state"] == "COMPLETE"]
        out.append(Branch(name, own, whole[0] if whole else None))
    return out


def by_budget(compared: Sequence[Branch]) -> dict[str, Any]:
    """The expected best of k trials of each branch, and whose is lowest for k = 1, 2, 4, ..."""
    values = {branch.name: branch.values for branch in compared}
    fewest = min(map(len, values.values()))
    budgets = [2**i for i in range(fewest.bit_length())] if fewest else []
    return {
        "curves": {
            name: [asdict(interval) for interval in best_of_k(own)] if own else []
            for name, own in values.items()
        },
        "budgets": budgets,
        "winners": winners(values, budgets) if budgets else [],
    }


def basin(branch: Branch, space: Space, within: float) -> dict[str, Any] | None:
    """How wide the good learning rates of a branch lie.

    None where no range of rates is searched, or none gains anything. Good is a trial that falls
    short of the branch's best by at most the share `within` of what that one gained. decades: the
    share of the drawn trials that are good, times the decades of the range they were drawn from,
    which a sampler fills evenly. low, high: the lowest and the highest good rate; the other
    settings are drawn as well, so not all between are good.
    """
    if not branch.drawn:
        return None
    optimizers = {s["settings"]["optimizer"] for s in branch.drawn}
    paths = [f"optimizer.{name}.lr" for name in optimizers]
    setting = space.searched.get(paths[0])
    if len(paths) > 1 or not isinstance(setting, Range) or setting.scale != "log":
        return None
    values, start = np.array(branch.values), branch.drawn[0]["start"]
    if values.min() >= start:
        return None
    good = values <= short_of(float(values.min()), start, within)
    rates = [s["settings"][paths[0]] for s in branch.drawn]
    chosen = [rate for rate, is_good in zip(rates, good, strict=True) if is_good]
    return {
        "decades": float(good.mean() * math.log10(setting.high / setting.low)),
        "low": min(chosen),
        "high": max(chosen),
    }


def short_of(best: float, start: float, within: float) -> float:
    """What falls short of the best by the share `within` of what it gained over the start."""
    return best + within * (start - best)


def epochs_to(target: float, repeats: Repeats) -> int | None:
    """The first epoch at which the mean over the seeds has reached the target; None if never."""
    at = np.flatnonzero(np.array(repeats.curve) <= target)
    return int(at[0]) + 1 if at.size else None
