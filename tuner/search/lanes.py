"""Lanes: for each trial in a race, the mean curves of its rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tuner.search.trials import Goal, Outcome, State, Trial, rate_path
from tuner.training.curves import NONE, STOP, Curve, Diagnosis, diagnose

# The curve that the guard watches.
GUARDED = "train_loss"

# A run that ends above its start by more than this many times its start has diverged, even if its
# loss is falling. Momentum raises a loss by less (`Guard.excused`).
FAR = 1e6

# The label of a curve that still falls.
SLOW = "slow"

# The advice for a trial that failed.
TRACEBACK = "correct what its traceback reports"


@dataclass
class Lane:
    """A running trial: the mean curves of its rows so far.

    Attributes:
        members: the goal's curve of each row, with its initial value, by seed and fold.
    """

    trial: Trial
    goal: Goal
    steps: int = 1
    epochs: int = 0
    initial: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    members: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    lost: bool = False

    @property
    def numbers(self) -> list[float]:
        """The goal's curve, one number per epoch."""
        return self.curves.get(self.goal.curve, [])

    @property
    def last(self) -> float:
        """The minimised value after the last epoch."""
        numbers = self.numbers
        return self.goal.turn(numbers[-1] if numbers else self.initial[self.goal.curve])

    @property
    def value(self) -> float:
        """The minimised value at the epoch by which the trial is judged so far."""
        numbers = self.numbers
        return self.goal.turn(numbers[self.goal.epoch(numbers) - 1]) if numbers else self.last

    @property
    def far_above(self) -> bool:
        """Whether the loss that the guard watches is far above its start."""
        if GUARDED not in self.curves:
            return False
        losses = self.curve().train
        return bool(losses[-1] - losses[0] > FAR * abs(losses[0]) > 0)

    @property
    def has_rate(self) -> bool:
        """Whether there is a learning rate that advice can mention."""
        return "learning_rate" in self.curves or rate_path(self.trial.settings) is not None

    def add(self, means: Mapping[str, float]) -> None:
        """Appends the numbers of an epoch; a curve without a number in this epoch gets nan."""
        for name in dict.fromkeys((*self.curves, *means)):
            own = self.curves.setdefault(name, [math.nan] * self.epochs)
            own.append(means.get(name, math.nan))
        self.epochs += 1

    def end_with(self, final: Mapping[str, float]) -> None:
        """Replaces the numbers of the last epoch by final results."""
        for name, number in final.items():
            own = self.curves.setdefault(name, [math.nan] * self.epochs)
            own[-1:] = [number]

    def curve(self) -> Curve:
        """The curve for the diagnosis."""

        def known(name: str) -> np.ndarray:
            return np.array(self.curves.get(name, []))

        def whole(name: str) -> np.ndarray:
            if name not in self.initial and name not in self.curves:
                return np.empty(0)
            first = self.initial.get(name, math.nan)
            # A curve without an initial value starts with the first epoch.
            before = [] if math.isnan(first) and self.curves.get(name) else [first]
            return filled([*before, *self.curves.get(name, [])])

        falling = whole(GUARDED)
        if not len(falling):
            falling = np.array([self.goal.turn(number) for number in whole(self.goal.curve)])
        return Curve(
            falling,
            whole("validation_loss"),
            known("learning_rate"),
            known("gradient_norm"),
            known("update_ratio"),
            self.steps,
            self.has_rate,
        )

    def plain(self) -> dict[str, Any]:
        """Its state, as data that JSON restores unchanged."""
        own = ("steps", "epochs", "initial", "curves", "lost")
        members = [[*key, own] for key, own in self.members.items()]
        return {
            **{name: getattr(self, name) for name in own},
            "members": members,
            "rungs": list(self.rungs.items()),
        }

    def take_up(self, plain: Mapping[str, Any]) -> None:
        """Restores the state that `plain` returned."""
        self.steps, self.epochs, self.lost = plain["steps"], plain["epochs"], plain["lost"]
        self.initial, self.curves = plain["initial"], plain["curves"]
        self.members = {(seed, fold): list(own) for seed, fold, own in plain["members"]}
        self.rungs = dict(plain["rungs"])

    def outcome(self, state: State, reason: str, diverged_at: float | None = None) -> Outcome:
        """The outcome of the trial, with the diagnosis of its curve."""
        if state == "FAILED":
            d = Diagnosis("failed", reason, TRACEBACK)
        else:
            d = diagnose(self.curve(), reason if diverged_at is not None else "")
        # If the best epoch counts, the trial already stops there: drop that advice.
        advice = d.advice.partition(STOP)[0] if self.goal.best_epoch else d.advice
        out = Outcome(
            self.trial, state, reason, self.epochs, self.initial, self.curves, self.rungs,
            diverged_at, d.label, d.evidence, advice, self.goal,
        )  # fmt: skip
        if d.label == SLOW and out.counted < out.epochs:
            out = replace(out, advice=NONE)  # longer training is not needed
        # A row's numbers start with the initial one.
        members = {key: own[: out.counted + 1][-1] for key, own in self.members.items()}
        return replace(out, members=members)


def filled(numbers: Sequence[float]) -> np.ndarray:
    """Replaces each nan by the last number before it."""
    found = np.array(numbers, dtype=float)
    known = np.maximum.accumulate(np.where(np.isnan(found), 0, np.arange(len(found))))
    return np.asarray(found[known])
