"""Trials: their settings, the goal of a study, and how a trial ended."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tuner.codec import Settings
from tuner.search.best_epoch import best_epoch

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED"]

# What a learning rate is called among the settings of a user's function.
RATES = ("lr", "learning_rate")

# The states of trials that say something of their settings.
ENDED = ("COMPLETE", "PRUNED", "DIVERGED")

Curves = Mapping[str, list[float | None]]

# Where settings are from that no sampler proposed; see tuner.search.initial_trials.
Origin = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a study minimises: a curve, or its negative where a greater number is better.

    Attributes:
        best_epoch: whether a trial counts by its best epoch (`tuner.search.best_epoch`), not by its
            last one.
    """

    curve: str = "validation_loss"
    greater_is_better: bool = False
    best_epoch: bool = False

    def epoch(self, numbers: Sequence[float]) -> int:
        """The epoch by which a trial counts that had these numbers of the curve, 0 for none."""
        if not self.best_epoch or not numbers:
            return len(numbers)
        return best_epoch([self.turn(number) for number in numbers])

    def turn(self, number: float) -> float:
        """The value that is minimised, from a number of the curve, and the other way round."""
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
    """A trial that was asked.

    Attributes:
        number: from 0, in the order of asking.
        settings: by path.
        started_ms: when it was asked first, in milliseconds since 1970.
        origin: where its settings are from, if no sampler proposed them
            (`tuner.search.initial_trials.InitialTrial`).
    """

    number: int
    settings: Settings
    started_ms: int
    origin: Origin = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended, as the record of a study keeps it; numbers to nine digits.

    A number that was not finite is None. An optimizer, a schedule and a learning rate are settings
    that a trial may have.

    Attributes:
        origin: where its settings are from, if no sampler proposed them.
        label, evidence, advice: the diagnosis of its curve; in a study's result, advice is what
            the whole study supports (`tuner.search.advice`).
        settings: by path.
        epochs: trained to their end.
        diverged_at: the share of the training after which it diverged, or None.
        start, value: what is minimised, before the first step and at the epoch by which the trial
            counts; lower is better. Where nothing is measured before it, the start is the number
            after the first epoch.
        rungs: the values at the rungs passed, with their epochs.
        validation_loss, scores: the numbers of the validation metrics at that epoch.
        members: seed, fold and the number of the goal's curve of each member at that epoch.
        best_epoch: that epoch; None where trials count by their last one.
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
        """The epoch by which it counts, if it trained to the end and counts by an earlier one."""
        early = self.best_epoch is not None and self.best_epoch < self.epochs
        return self.best_epoch if early and self.state == "COMPLETE" else None

    @property
    def optimizer(self) -> str | None:
        """The name of its optimizer, if it has one."""
        return optimizer_of(self.settings)

    @property
    def schedule(self) -> str | None:
        """The name of its schedule, if it has one."""
        return self.settings.get("schedule")

    @property
    def learning_rate(self) -> float | None:
        """The rate that it started with, if it has one."""
        path = self.rate_path
        return None if path is None else self.settings[path]

    @property
    def rate_path(self) -> str | None:
        """The path of its learning rate, if it has one."""
        return rate_path(self.settings)

    @property
    def is_default(self) -> bool:
        """Whether it tried the textbook settings."""
        return "default" in self.origin

    @property
    def member_epochs(self) -> int:
        """Epochs that all its members were trained, all together."""
        return self.epochs * max(1, len(self.members))


def optimizer_of(settings: Settings) -> str | None:
    """The name of a trial's optimizer: of a user's function, what it calls its `optimizer`.

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
    """The path of a trial's learning rate: of a user's function, of the one setting called so.

    It is none where two are called so, or it is no positive number.

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
    """How a race ended a trial, with all of its curves.

    Attributes:
        epochs: trained to their end.
        initial: losses and scores before the first step.
        curves: metrics by name, one number an epoch, the mean over the trial's members.
        rungs: values by epoch at the rungs passed.
        diverged_at: share of the training after which it diverged, or None.
        label, evidence, advice: the diagnosis of its curve.
        goal: what is minimised.
        members: the number of the goal's curve of each member at the epoch by which the trial
            counts, by its seed and fold.
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
        """The epoch by which it counts, 0 before the first: its best one, or its last."""
        numbers = self.curves.get(self.goal.curve, [])
        return len(numbers) if self.state == "DIVERGED" else self.goal.epoch(numbers)

    @property
    def value(self) -> float:
        """What the study minimises: the goal's curve at the epoch that counts, turned."""
        return self.goal.turn(self.at(self.goal.curve, self.counted))

    @property
    def first(self) -> float:
        """The first number of the goal's curve that is known; not a number if none is."""
        numbers = [self.initial[self.goal.curve], *self.curves.get(self.goal.curve, [])]
        return next((number for number in numbers if not math.isnan(number)), math.nan)

    @property
    def validation_loss(self) -> float:
        """The validation loss at the epoch that counts; not a number where none was measured."""
        known = "validation_loss" in self.curves or "validation_loss" in self.initial
        return self.at("validation_loss", self.counted) if known else math.nan

    def at(self, curve: str, epoch: int) -> float:
        """The number of a curve after an epoch, or its last (before the first: the initial one)."""
        numbers = self.curves.get(curve)
        return numbers[:epoch][-1] if numbers else self.initial[curve]

    def kept_curves(self) -> dict[str, list[float | None]]:
        """All curves, as the record and MLflow keep them: from the start on, to nine digits.

        What is not measured before the first step begins with None.
        """
        return kept_curves(self.initial, self.curves)

    def result(self) -> TrialResult:
        """What the study's record keeps of it, beside its curves."""
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
    """Curves as the record and MLflow keep them; see `Outcome.kept_curves`."""
    return {
        name: [rounded(initial.get(name, math.nan)), *map(rounded, curves.get(name, []))]
        for name in dict.fromkeys((*initial, *curves))
    }


def rounded(value: float) -> float | None:
    """Nine digits, enough for float32; None for what JSON has no number for."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def ranked(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """Those that trained to the end, the best first, each setting once."""
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
