"""Studies that are simulated for the audit: what is true of them is known."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tuner.search.ranges import Range
from tuner.search.space import Space
from tuner.search.statistics import interval
from tuner.search.trials import Curves, Goal, TrialResult
from tuner.study.audit import findings
from tuner.study.audited import Audited
from tuner.study.edge import FACTORS, EdgeRun
from tuner.study.results import Confirmation, Finding, Repeated

LR = "optimizer.sgd.lr"
RATES = Range(1e-4, 10.0, "log")
START = 4.0


def space(searched: dict[str, Any] | None = None, **branches: tuple[str, ...]) -> Space:
    """A space of these settings, its rates over five decades where none are given."""
    own = {"optimizer": ("sgd",), "schedule": ("constant",)} | branches
    fixed = {name: options[0] for name, options in own.items() if len(options) == 1}
    return Space(fixed, {LR: RATES} if searched is None else searched, own)


def tried(
    number: int, value: float | None, state: str = "COMPLETE", label: str = "slow", **more: Any
) -> TrialResult:
    """A trial of 30 epochs; settings by path override those of plain gradient descent."""
    settings = {"optimizer": "sgd", "schedule": "constant", LR: 0.1} | more.pop("settings", {})
    own = {"origin": {}, "advice": "train longer, about 2 times"} | more
    return TrialResult(
        number=number, state=state, reason="", label=label, evidence="", settings=settings,
        epochs=30, diverged_at=0.1 if state == "DIVERGED" else None, start=START, value=value,
        rungs=(), validation_loss=value, scores={}, members=(), **own,
    )  # fmt: skip


def searched(
    value: Callable[[dict[str, Any]], float],
    own: Space,
    count: int = 40,
    seed: int = 0,
    stable: Callable[[dict[str, Any]], bool] = lambda settings: True,
) -> list[TrialResult]:
    """A random search of a space: a value for each of its settings, and which of them diverge."""
    drawn = own.drawn(np.random.default_rng(seed))
    trials = []
    for number, settings in zip(range(count), drawn, strict=False):
        good = stable(settings)
        state = "COMPLETE" if good else "DIVERGED"
        reached = value(settings) if good else None
        trials.append(tried(number, reached, state, settings=settings))
    return trials


def bowl(best: float, path: str = LR) -> Callable[[dict[str, Any]], float]:
    """A loss that grows with the decades of a rate from the best one."""
    return lambda settings: 0.1 + abs(np.log10(settings[path] / best)) ** 2


def curves(losses: Sequence[float], validation: Sequence[float] | None = None) -> Curves:
    """The curves of a trial from before its first step on."""
    return {
        "train_loss": list(losses),
        "validation_loss": list(losses if validation is None else validation),
    }


def study(
    trials: Sequence[TrialResult],
    own: Space | None = None,
    losses: Curves | None = None,
    seeds: Sequence[float] = (),
    edge: Sequence[bool] = (),
    goal: Goal = Goal(),  # noqa: B008 (frozen)
    winner: int | None = None,
) -> Audited:
    """A study that ended with these trials.

    Args:
        trials: of the study; the lowest value wins, if no winner is named.
        own: its space.
        losses: curves of the winner.
        seeds: what the winner reached on fresh seeds.
        edge: of each factor, whether the short run diverged.
        goal: of the study.
        winner: its number.
    """
    complete = [trial for trial in trials if trial.state == "COMPLETE"]
    best = min(complete, key=lambda trial: trial.value or 0.0, default=None)
    if winner is not None:
        (best,) = (trial for trial in trials if trial.number == winner)
    judged = None
    if seeds and best is not None:
        repeated = Repeated(best.number, "sgd", 0.0, tuple(seeds), 0, interval(seeds), None)
        judged = Confirmation(len(seeds), (), best.number, "", repeated, ())
    runs = [EdgeRun(f, "not finite" if d else "") for f, d in zip(FACTORS, edge, strict=False)]
    return Audited(
        own or space(), goal, trials, 40, 30, best, losses or {}, judged, runs if edge else ()
    )


def found(audited: Audited, check: str) -> list[Finding]:
    """What one check finds."""
    return [finding for finding in findings(audited) if finding.check == check]
