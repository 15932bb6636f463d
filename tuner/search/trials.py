"""What happened to a trial: its state, its curves and the reason it ended."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED"]


@dataclass(frozen=True)
class Trial:
    """A trial that was asked: its number, its settings by path, and when it was asked first."""

    number: int
    settings: Mapping[str, Any]
    started_ms: int


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    epochs: epochs trained to their end; curves: metrics by name, one value an epoch; initial:
    losses and scores before the first step; rungs: validation losses by epoch at the rungs passed;
    diverged_at: share of the training after which it diverged, or None; label, evidence, advice:
    the diagnosis of its curve.
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

    @property
    def validation_loss(self) -> float:
        """The last validation loss (before the first epoch: the initial one)."""
        losses = self.curves.get("validation_loss")
        return losses[-1] if losses else self.initial["validation_loss"]

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
        if "x" in self.initial:
            curves["x"] = [self.initial["x"], *self.curves.get("x", [])]
        return {
            "number": self.trial.number,
            "state": self.state,
            "reason": self.reason,
            "label": self.label,
            "evidence": self.evidence,
            "advice": self.advice,
            "settings": {
                path: None if value == math.inf else value
                for path, value in self.trial.settings.items()
            },
            "epochs": self.epochs,
            "diverged_at": self.diverged_at,
            "validation_loss": _rounded(self.validation_loss),
            "scores": scores,
            "curves": curves,
        }


def _rounded(value: float) -> float | None:
    """Nine digits, enough for float32; None for what JSON has no number for."""
    return float(f"{value:.9g}") if math.isfinite(value) else None
