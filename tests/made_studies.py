"""Studies of every state, made without training: their results, their curves and their spaces."""

import math
from dataclasses import replace

import numpy as np

from tuner.search.importance import importances
from tuner.search.ranges import Choices, Range
from tuner.search.space import Space
from tuner.search.statistics import Interval
from tuner.search.trials import Goal, TrialResult, best_of
from tuner.study.results import (
    INTERRUPTED,
    Confirmation,
    ConfirmedDefault,
    ConfirmedTrial,
    Finding,
    Repeated,
    StudyResult,
    counts,
    divergences,
    winner_of,
)  # fmt: skip

LOSS = Goal()
ORIGIN = {"default": "adam", "unlike": []}
HOSTILE = "<script>alert(1)</script>\" onload='x'&amp;"
ONE = Space(
    {"optimizer": "adam", "schedule": "cosine"},
    {
        "optimizer.adam.lr": Range(1e-4, 1.0, "log"),
        "optimizer.adam.beta1": Range(0.5, 0.999, "reverse_log"),
        "batch": Choices((32, 64, 128)),
    },
    {"optimizer": ("adam",), "schedule": ("cosine",)},
)
TWO = Space(
    {"schedule": "cosine"},
    {
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": Range(1e-4, 1.0, "log"),
        "optimizer.sgd.lr": Range(1e-3, 10.0, "log"),
        "optimizer.sgd.momentum": Range(0.0, 0.99),
    },
    {"optimizer": ("adam", "sgd"), "schedule": ("cosine",)},
)
POINT = Space({}, {"x": Range(-5.0, 5.0), "y": Range(-5.0, 5.0)}, {})


def trial(number, settings, goal=LOSS, epochs=6):
    """A trial of a world in which rates near 0.02 are best and those above 0.5 diverge.

    Returns:
        Its result, and its curves from before the first step on.
    """
    rng = np.random.default_rng(number)
    rate = settings.get(f"optimizer.{settings.get('optimizer')}.lr")
    far = abs(math.log10(rate / 0.02)) if rate else math.hypot(settings["x"], settings["y"]) / 5
    end = 0.1 + 0.4 * far**2 + 0.02 * rng.random()
    state = "DIVERGED" if rate and rate > 0.5 else "PRUNED" if end > 0.7 else "COMPLETE"
    done = epochs if state == "COMPLETE" else 3
    loss = [float(2.3 * (end / 2.3) ** (epoch / epochs)) for epoch in range(done + 1)]
    if state == "DIVERGED":
        loss[2:] = [1e9, None]
    train = [None if value is None else 0.8 * value for value in loss]
    score = [None if value is None else 1 / (1 + value) for value in loss]
    curves = {"train_loss": train, "validation_loss": loss, "validation_accuracy": score}
    value = curves[goal.curve][-1]
    result = TrialResult(
        number=number, state=state, reason="", origin={} if number else ORIGIN,
        label="converged", evidence="e", advice="none needed", settings=settings, epochs=done,
        diverged_at=0.5 if state == "DIVERGED" else None, start=goal.turn(curves[goal.curve][0]),
        value=None if value is None else goal.turn(value), rungs=(), validation_loss=loss[-1],
        scores={"validation_accuracy": score[-1]}, members=(),
    )  # fmt: skip
    return result, curves


def made(space=ONE, count=40, goal=LOSS, stopped="it has its trials", name="made", confirm=False,
         only=None):  # fmt: skip
    """A study of trials drawn at random.

    Args:
        only: keeps the trials of this state alone.
        confirm: whether the second best trial is chosen by fresh seeds.

    Returns:
        Its result, and its curves by number.
    """
    drawn = space.drawn(np.random.default_rng(1))
    pairs = [trial(number, next(drawn), goal) for number in range(count)]
    pairs = [pair for pair in pairs if only in (None, pair[0].state)]
    trials = tuple(result for result, _ in pairs)
    best = best_of(trials)
    confirmed = confirmation(trials, best) if confirm else None
    decided = None if stopped == INTERRUPTED else winner_of(goal, best, confirmed, trials)
    result = StudyResult(
        study=name, stopped=stopped, goal=goal, trials=counts(trials), winner=decided, best=best,
        confirmation=confirmed, test={"loss": 0.2} if decided else None,
        divergence=divergences(trials), all=trials, searched=tuple(space.searched),
        unit="cross-entropy (nats)", importances=importances(trials, space.searched),
        notes=(f"a note of {name}",), reproduce="python -m tuner +best=made" if decided else "",
        findings=(Finding("bounds", False, 0.05, 0.1, "it lies at a bound", "move the bound"),),
    )  # fmt: skip
    return result, {own.number: curves for own, curves in pairs}


def confirmation(trials, best):
    """The best and the next best trial on fresh seeds; the second is simpler and wins."""
    second = best_of([own for own in trials if own.number != best.number])
    values = (best.value, second.value)
    ranked = [
        ConfirmedTrial(own.number, own.optimizer, own.value, values, 0,
                       Interval(own.value, own.value - 0.05, own.value + 0.05), worse, True)
        for own, worse in ((best, None), (second, Interval(0.01, -0.02, 0.03)))
    ]  # fmt: skip
    judged = Repeated(
        second.number, second.optimizer, second.value, values, 0, ranked[1].mean, None
    )
    book = Repeated(0, "adam", 0.5, (0.5, None), 1, None, None)
    default = ConfirmedDefault(**vars(book), origin=ORIGIN)
    return Confirmation(10, tuple(ranked), second.number, "simpler", judged, (default,))


def states():
    """A study of every state, by what it is."""
    score = Goal("validation_accuracy", True)
    unnamed = made(name=HOSTILE)
    hostile = replace(unnamed[0], notes=(HOSTILE,), stopped=HOSTILE, unit=HOSTILE)
    return {
        "confirmed": made(confirm=True),
        "not confirmed": made(),
        "two optimizers": made(TWO, 60, confirm=True),
        "greater is better": made(goal=score, confirm=True),
        "a function": made(POINT),
        "interrupted": made(stopped=INTERRUPTED),
        "all diverged": made(only="DIVERGED"),
        "none complete": made(only="PRUNED"),
        "one trial": made(count=1),
        "no trials": made(count=0),
        "hostile": (hostile, unnamed[1]),
    }
