"""What happened to a trial: its state, its curves and the reason it ended."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED"]


@dataclass(frozen=True)
class Goal:
    """What a study minimises: a curve, or its negative where a greater number is better."""

    curve: str = "validation_loss"
    greater_is_better: bool = False

    def turn(self, number: float) -> float:
        """The value that is minimised, from a number of the curve, and the other way round."""
        return -number if self.greater_is_better else number

    @property
    def name(self) -> str:
        """In words: loss, accuracy."""
        return self.curve.removeprefix("validation_")


@dataclass(frozen=True)
class Trial:
    """A trial that was asked: its number, its settings by path, and when it was asked first.

    origin: where its settings are from, if no sampler proposed them
    (`tuner.search.initial_trials.InitialTrial`).
    """

    number: int
    settings: Mapping[str, Any]
    started_ms: int
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    epochs: epochs trained to their end; curves: metrics by name, one number an epoch, the mean over
    the trial's members; initial: losses and scores before the first step; rungs: values by epoch at
    the rungs passed; diverged_at: share of the training after which it diverged, or None; label,
    evidence, advice: the diagnosis of its curve; goal: what is minimised; members: the last number
    of the goal's curve of each member by its seed and fold.
    """

    trial: Trial
    state: State
    reason: str
    epochs: int
    initial: Mapping[str, float]
    curves: Mapping[str, list[float]]
    rungs: Mapping[int, float]
    diverged_at: float | None
    label: str
    evidence: str
    advice: str
    goal: Goal = Goal()
    members: Mapping[tuple[int, int], float] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """What the study minimises: the last number of the goal's curve, turned."""
        return self.goal.turn(self.last(self.goal.curve))

    @property
    def validation_loss(self) -> float:
        return self.last("validation_loss")

    def last(self, curve: str) -> float:
        """The last number of a curve (before the first epoch: the initial one)."""
        numbers = self.curves.get(curve)
        return numbers[-1] if numbers else self.initial[curve]

    def summary(self) -> dict[str, Any]:
        """What the study's record keeps of it, as plain data; losses to nine digits.

        The curves are those of the losses and of a function's point x, from the initial ones on;
        scores are the last ones.
        """
        curves = {
            name: [_rounded(self.initial[name]), *map(_rounded, self.curves.get(name, []))]
            for name in ("train_loss", "validation_loss")
        }
        scores = {
            name: _rounded(self.curves[name][-1] if name in self.curves else initial)
            for name, initial in self.initial.items()
            if name.startswith("validation_") and name not in curves
        }
        for axis in [axis for axis in ("x", "y") if axis in self.initial]:
            curves[axis] = [self.initial[axis], *self.curves.get(axis, [])]
        return {
            "number": self.trial.number,
            "state": self.state,
            "reason": self.reason,
            "origin": dict(self.trial.origin),
            "label": self.label,
            "evidence": self.evidence,
            "advice": self.advice,
            "settings": {
                path: None if value == math.inf else value
                for path, value in self.trial.settings.items()
            },
            "epochs": self.epochs,
            "diverged_at": self.diverged_at,
            "start": _rounded(self.goal.turn(self.initial[self.goal.curve])),
            "value": _rounded(self.value),
            "rungs": [[epoch, value] for epoch, value in self.rungs.items()],
            "validation_loss": _rounded(self.validation_loss),
            "scores": scores,
            "members": [[*key, _rounded(number)] for key, number in sorted(self.members.items())],
            "curves": curves,
        }


def restored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from their record, in which JSON has no infinity."""
    return {path: math.inf if value is None else value for path, value in settings.items()}


def _rounded(value: float) -> float | None:
    """Nine digits, enough for float32; None for what JSON has no number for."""
    return float(f"{value:.9g}") if math.isfinite(value) else None
