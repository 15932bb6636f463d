"""Trials: their settings, the goal of a study, and how a trial ended."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tuner.codec import Settings
from tuner.search.best_epoch import best_epoch

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED"]

# Names of a learning rate among the settings of a user's function.
RATES = ("lr", "learning_rate")

# The states of trials that give information about their settings.
ENDED = ("COMPLETE", "PRUNED", "DIVERGED")

Curves = Mapping[str, list[float | None]]

# The origin of settings that no sampler proposed; see tuner.search.initial_trials.
Origin = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a study minimises: a curve, or its negative if greater is better.

    Attributes:
        best_epoch: whether a trial is judged by its best epoch (`tuner.search.best_epoch`), not by
            its last one.
    """

    curve: str = "validation_loss"
    greater_is_better: bool = False
    best_epoch: bool = False

    def epoch(self, numbers: Sequence[float]) -> int:
        """The epoch by which a trial with these numbers is judged; 0 without numbers."""
        if not self.best_epoch or not numbers:
            return len(numbers)
        return best_epoch([self.turn(number) for number in numbers])

    def turn(self, number: float) -> float:
        """Converts a number of the curve to the minimised value, and back."""
        return -number if self.greater_is_better else number

    @property
    def name(self) -> str:
        """In words: loss, accuracy."""
        return self.curve.removeprefix("validation_")

    @property
    def title(self) -> str:
        """In words: validation loss, validation accuracy; of a user's function also reward."""
        return self.curve.replace("validation_", "validation ", 1)


@dataclass(frozen=True)
class Trial:
    """A proposed trial.

    Attributes:
        number: from 0, in the order of proposals.
        settings: by path.
        started_ms: when it was first proposed, in milliseconds since 1970.
        origin: the origin of its settings, if no sampler proposed them
            (`tuner.search.initial_trials.InitialTrial`).
    """

    number: int
    settings: Settings
    started_ms: int
    origin: Origin = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended, as stored in the record of a study; numbers to nine digits.

    A number that was not finite is None. A trial may have an optimizer, a schedule and a learning
    rate.

    Attributes:
        origin: the origin of its settings, if no sampler proposed them.
        label, evidence, advice: the diagnosis of its curve; in a study's result, advice takes the
            other trials into account (`tuner.search.advice`).
        settings: by path.
        epochs: number of completed epochs.
        diverged_at: the share of the training after which it diverged, or None.
        start, value: the minimised value before the first step, and at the epoch by which the trial
            is judged; lower is better. If nothing is measured before the first step, start is the
            number after the first epoch.
        rungs: epochs of the rungs passed, with the values there.
        validation_loss, scores: validation metrics at the epoch by which the trial is judged.
        members: seed, fold and number of the goal's curve of each member at that epoch.
        best_epoch: that epoch; None if trials are judged by their last one.
    """

    number: int
    state: State
    reason: str
    origin: Origin
    label: str
    evidence: str
    advice: str
    settings: Settings
    epochs: int
    diverged_at: float | None
    start: float | None
    value: float | None
    rungs: tuple[tuple[int, float], ...]
    validation_loss: float | None
    scores: Mapping[str, float | None]
    members: tuple[tuple[int, int, float | None], ...]
    best_epoch: int | None = None

    @property
    def stops_at(self) -> int | None:
        """The epoch by which it is judged, if it trained to the end and this epoch is earlier."""
        early = self.best_epoch is not None and self.best_epoch < self.epochs
        return self.best_epoch if early and self.state == "COMPLETE" else None

    @property
    def optimizer(self) -> str | None:
        """The name of its optimizer, or None."""
        return optimizer_of(self.settings)

    @property
    def schedule(self) -> str | None:
        """The name of its schedule, or None."""
        return self.settings.get("schedule")

    @property
    def learning_rate(self) -> float | None:
        """Its initial learning rate, or None."""
        path = self.rate_path
        return None if path is None else self.settings[path]

    @property
    def rate_path(self) -> str | None:
        """The path of its learning rate, or None."""
        return rate_path(self.settings)

    @property
    def is_default(self) -> bool:
        """Whether it tried an optimizer's default (textbook) settings."""
        return "default" in self.origin

    @property
    def member_epochs(self) -> int:
        """Total number of epochs over all its members."""
        return self.epochs * max(1, len(self.members))


def optimizer_of(settings: Settings) -> str | None:
    """The name of a trial's optimizer; of a user's function, its setting called `optimizer`.

    >>> optimizer_of({"train.optimizer": "sgd", "train.optimizer.sgd.lr": 0.1})
    'sgd'
    """
    if "optimizer" in settings:
        found = settings["optimizer"]
    else:
        ends = (own for path, own in settings.items() if path.split(".")[1:] == ["optimizer"])
        found = next(ends, None)
    return found if isinstance(found, str) else None


def rate_path(settings: Settings) -> str | None:
    """The path of a trial's learning rate; of a user's function, its setting with a name in RATES.

    It is None if two settings have such a name, or if the value is not a positive number.

    >>> rate_path({"train.width": 8, "train.lr": 0.1})
    'train.lr'
    """
    if "optimizer" in settings:
        path = f"optimizer.{settings['optimizer']}.lr"
        return path if path in settings else None
    found = [path for path in settings if "." in path and path.rpartition(".")[2] in RATES]
    if len(found) != 1:
        return None
    rate = settings[found[0]]
    positive = isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
    return found[0] if positive else None


@dataclass(frozen=True)
class Outcome:
    """How a trial ended in a race, with all its curves.

    Attributes:
        epochs: number of completed epochs.
        initial: losses and scores before the first step.
        curves: metrics by name, one number per epoch, the mean over the trial's members.
        rungs: values by epoch at the rungs passed.
        diverged_at: share of the training after which it diverged, or None.
        label, evidence, advice: the diagnosis of its curve.
        goal: what is minimised.
        members: the number of the goal's curve of each member at the epoch by which the trial is
            judged, by seed and fold.
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
    def counted(self) -> int:
        """The epoch by which it is judged: its best or its last; 0 before the first."""
        numbers = self.curves.get(self.goal.curve, [])
        return len(numbers) if self.state == "DIVERGED" else self.goal.epoch(numbers)

    @property
    def value(self) -> float:
        """The minimised value: from the goal's curve at the epoch by which the trial is judged."""
        return self.goal.turn(self.at(self.goal.curve, self.counted))

    @property
    def first(self) -> float:
        """The first known number of the goal's curve; nan if there is none."""
        numbers = [self.initial[self.goal.curve], *self.curves.get(self.goal.curve, [])]
        return next((number for number in numbers if not math.isnan(number)), math.nan)

    @property
    def validation_loss(self) -> float:
        """The validation loss at the epoch by which the trial is judged; nan if not measured."""
        known = "validation_loss" in self.curves or "validation_loss" in self.initial
        return self.at("validation_loss", self.counted) if known else math.nan

    def at(self, curve: str, epoch: int) -> float:
        """The number of a curve after an epoch; its last if it is shorter, or its initial one."""
        numbers = self.curves.get(curve)
        return numbers[:epoch][-1] if numbers else self.initial[curve]

    def kept_curves(self) -> dict[str, list[float | None]]:
        """All curves for the record and MLflow: with initial values, to nine digits.

        A curve without an initial value starts with None.
        """
        return kept_curves(self.initial, self.curves)

    def result(self) -> TrialResult:
        """The result for the study's record, without curves."""
        counted = self.counted
        scores = {
            name: rounded(self.at(name, counted))
            for name in dict.fromkeys((*self.initial, *self.curves))
            if name != "validation_loss" and name.startswith(("validation_", self.goal.curve))
        }
        return TrialResult(
            number=self.trial.number,
            state=self.state,
            reason=self.reason,
            origin=dict(self.trial.origin),
            label=self.label,
            evidence=self.evidence,
            advice=self.advice,
            settings=dict(self.trial.settings),
            epochs=self.epochs,
            diverged_at=self.diverged_at,
            start=rounded(self.goal.turn(self.first)),
            value=rounded(self.value),
            rungs=tuple(self.rungs.items()),
            validation_loss=rounded(self.validation_loss),
            scores=scores,
            members=tuple((*key, rounded(n)) for key, n in sorted(self.members.items())),
            best_epoch=counted if self.goal.best_epoch and counted else None,
        )


def kept_curves(
    initial: Mapping[str, float], curves: Mapping[str, Sequence[float]]
) -> dict[str, list[float | None]]:
    """Curves for the record and MLflow; see `Outcome.kept_curves`."""
    return {
        name: [rounded(initial.get(name, math.nan)), *map(rounded, curves.get(name, []))]
        for name in dict.fromkeys((*initial, *curves))
    }


def rounded(value: float) -> float | None:
    """Rounds to nine digits, enough for float32; None for nan and infinity, which JSON lacks."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def ranked(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """The trials that trained to the end, the best first, without repeated settings."""
    complete = [t for t in trials if t.state == "COMPLETE"]
    best: dict[str, TrialResult] = {}
    for trial in sorted(complete, key=lambda t: (_worth(t), t.number)):
        best.setdefault(json.dumps(trial.settings, sort_keys=True), trial)
    return list(best.values())


def best_of(trials: Sequence[TrialResult]) -> TrialResult | None:
    """The trial with the lowest value among those that trained to the end."""
    return next(iter(ranked(trials)), None)


def _worth(trial: TrialResult) -> float:
    return math.inf if trial.value is None else trial.value
