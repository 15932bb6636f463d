"""Schedules: the learning rate as a pure function of the step and the number of all steps.

A schedule is a function of a file of this folder,

    schedule(t, T, lr, *hyperparameters) -> rate

with t the step counted from 0, T the number of all steps, lr the optimizer's rate, which most
schedules start from or rise to, and the hyperparameters, annotated with their domains. It works on
arrays of any shapes that broadcast, so that `table` computes the rates of a whole population at
once. Lengths that papers give as numbers of steps are shares of the training here, so that trials
of different lengths are comparable; schedules that count steps say so. Two functions may accompany
it and share its hyperparameters:

    schedule_momentum(t, T, momentum, *hyperparameters) -> momentum
    schedule_state(state, loss, epochs, *hyperparameters) -> state

The first is for optimizers with a momentum or a beta1. The second is for a schedule that depends on
the validation losses, and is called after each epoch (see `tuner.training.schedules.plateau`).

Every schedule may have a warmup before it and hold its rates for epochs (see `shared`), and
schedules may follow one another (see `parts`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import getmembers, isfunction, signature
from pathlib import Path
from typing import Any

import numpy as np

from tuner.training.domains import (
    Fraction,
    Hyperparameter,
    NonNegative,
    Positive,
    PositiveFraction,
    UnitInterval,
    hyperparameters,
)
from tuner.training.power import raised

Array = np.ndarray

# Hyperparameters by name.
Settings = Mapping[str, Any]

# The hyperparameters of optimizers that a schedule of momentum changes.
MOMENTA = ("momentum", "beta1")
PARTS = "parts"


def shared(
    warmup_constant: Fraction = 0.0,
    warmup_linear: Fraction = 0.0,
    warmup_exponential: Fraction = 0.0,
    warmup_start: UnitInterval = 0.1,
    hold_epochs: NonNegative = 0.0,
) -> None:
    """The hyperparameters that every schedule takes besides its own; the defaults do nothing.

    A warmup takes a share of all steps, in whole ones. The schedule itself begins after it and is
    laid out for the rest, as in PyTorch's SequentialLR and optax's warmup_cosine_decay_schedule.
    Where several are given they multiply, and the schedule begins after the longest.

    Args:
        warmup_constant: share of the steps in which the rate is the one that the schedule begins
            with, times warmup_start (PyTorch's ConstantLR; He et al. 2016, a tenth).
        warmup_linear: share in which that factor rises to 1 along a line (PyTorch's LinearLR; Goyal
            et al. 2017).
        warmup_exponential: share in which it rises by equal factors.
        warmup_start: the share of the rate at which warmups start; optax and Hugging Face start at
            0, where the first step moves nothing.
        hold_epochs: the rate is taken from the schedule only every this many epochs: 1 changes it
            by the epoch, 0 by the step.
    """


def part(
    until: PositiveFraction = 1.0,
    rate: Positive = 1.0,
) -> None:
    """What a part of `schedule.parts` takes besides the hyperparameters of its schedule.

    Args:
        until: the share of the training at which it ends, in whole steps; the last one ends at 1.
        rate: the optimizer's rate is multiplied by it.
    """


SHARED = hyperparameters(shared)
PART = hyperparameters(part)


@dataclass(frozen=True)
class Schedule:
    """A schedule's functions, and their hyperparameters with those that all schedules share.

    Attributes:
        name: the name of the function.
        rate: (t, T, lr, hyperparameters) to rates.
        momentum: the same for momenta, or None for a schedule that does not change them.
        state: updates the state by an epoch's validation loss, or None for a schedule without
            state.
    """

    name: str
    rate: Callable[..., Array]
    momentum: Callable[..., Array] | None
    state: Callable[..., Array] | None

    @property
    def own(self) -> dict[str, Hyperparameter]:
        """The hyperparameters of its functions, without duplicates."""
        functions = (f for f in (self.rate, self.momentum, self.state) if f)
        return {name: h for f in functions for name, h in hyperparameters(f).items()}

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Its own and those that all schedules share."""
        return self.own | SHARED


@cache
def _found() -> dict[str, Schedule]:
    modules = [
        import_module(f"{__name__}.{path.stem}")
        for path in sorted(Path(__file__).parent.glob("[!_]*.py"))
    ]
    return {
        name: Schedule(
            name,
            function,
            getattr(module, f"{name}_momentum", None),
            getattr(module, f"{name}_state", None),
        )
        for module in modules
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__
        and list(signature(function).parameters)[:3] == ["t", "T", "lr"]
    }


def names() -> list[str]:
    """Names of all schedules: the functions in the files of this folder that take (t, T, lr)."""
    return sorted(_found())


def load(name: str) -> Schedule:
    """The schedule of that name.

    Raises:
        KeyError: no schedule has that name.
    """
    return _found()[name]


@cache
def schedule_hyperparameters(name: str) -> dict[str, Hyperparameter]:
    """The hyperparameters of a schedule; none for `parts`, where they depend on the parts."""
    return {} if name == PARTS else load(name).hyperparameters


def table(
    schedules: Sequence[str],
    settings: Sequence[Settings],
    rates: Array,
    steps: Array,
    total: int,
    epoch: int = 1,
) -> Array:
    """Learning rates of a population.

    Args:
        schedules: each row's schedule, by name.
        settings: each row's hyperparameters of its schedule; missing ones have their defaults.
        rates: (rows,), of the optimizers.
        steps: (rows, steps), the steps to compute rates for, counted from 0.
        total: number of all steps.
        epoch: number of steps per epoch.

    Returns:
        Rates, (rows, steps).
    """
    return _table("rate", schedules, settings, rates, steps, total, epoch)


def momentum_table(
    schedules: Sequence[str],
    settings: Sequence[Settings],
    momenta: Array,
    steps: Array,
    total: int,
    epoch: int = 1,
) -> Array:
    """Momenta of a population, as its schedules change them.

    Args:
        schedules, settings, steps, total, epoch: as in `table`.
        momenta: (rows,), of the optimizers.

    Returns:
        Momenta, (rows, steps).
    """
    return _table("momentum", schedules, settings, momenta, steps, total, epoch)


def cycles_momentum(schedule: str, settings: Settings) -> bool:
    """Whether a schedule, or one of its parts, also changes the momentum."""
    return any(load(name).momentum for name in _parts_of(schedule, settings))


def adapts(schedule: str) -> bool:
    """Whether a schedule looks at validation losses."""
    return schedule != PARTS and load(schedule).state is not None


def initial_state(rows: int) -> Array:
    """The initial state (rows, 4) of schedules that depend on losses."""
    return np.tile([1.0, np.inf, 0.0, 0.0], (rows, 1))


def after_epoch(
    schedules: Sequence[str],
    settings: Sequence[Settings],
    state: Array,
    losses: Array,
    epochs: float,
) -> None:
    """Updates the state in place by the validation losses of an epoch.

    Args:
        schedules, settings: name and hyperparameters of each row's schedule.
        state: (rows, 4), from `initial_state`; its first column is the factor of each row's
            scheduled rate.
        losses: (rows,), validation losses after the epoch.
        epochs: number of all epochs.
    """
    for name, rows in _alike(schedules, settings).items():
        function = None if name[0] == PARTS else load(name[0]).state
        if function:
            known = hyperparameters(function)
            own = {
                key: np.array([settings[row].get(key, h.default) for row in rows])
                for key, h in known.items()
            }
            state[rows] = function(state[rows], losses[rows], epochs, **own)


def _parts_of(schedule: str, settings: Settings) -> tuple[str, ...]:
    """The names of the schedules that follow one another."""
    if schedule != PARTS:
        return (schedule,)
    named = {key: value for key, value in settings.items() if key.endswith(".name")}
    return tuple(named[f"{i}.name"] for i in range(len(named)))


def _alike(
    schedules: Sequence[str], settings: Sequence[Settings]
) -> dict[tuple[str, ...], list[int]]:
    """Groups rows by schedule and by the names of its parts."""
    rows_of: dict[tuple[str, ...], list[int]] = {}
    for row, (name, own) in enumerate(zip(schedules, settings, strict=True)):
        rows_of.setdefault((name, *_parts_of(name, own)), []).append(row)
    return rows_of


def _table(
    kind: str,
    schedules: Sequence[str],
    settings: Sequence[Settings],
    values: Array,
    steps: Array,
    total: int,
    epoch: int,
) -> Array:
    out = np.empty(steps.shape)
    for (name, *inner), rows in _alike(schedules, settings).items():
        t, value = steps[rows], values[rows, None]
        T = np.full((len(rows), 1), float(total))

        def column(key, default, rows=rows):
            return np.array([settings[row].get(key, default) for row in rows], float)[:, None]

        if name == PARTS:
            out[rows] = _joined(kind, inner, t, T, value, column, epoch)
        else:
            out[rows] = _one(kind, name, t, T, value, column, epoch)
    return out


def _one(kind, name, t, T, value, column, epoch):
    """The table of one schedule with its warmup; `column` returns a hyperparameter as (rows, 1)."""
    function = getattr(load(name), kind)
    if function is None:
        return value + 0.0 * t
    common = {key: column(key, h.default) for key, h in SHARED.items()}
    held = common["hold_epochs"] * epoch
    t = np.where(held > 0, np.floor(t / np.where(held > 0, held, 1) + 1e-9) * held, t)
    lengths = {
        shape: np.minimum(np.round(common[f"warmup_{shape}"] * T), T - 1)
        for shape in ("constant", "linear", "exponential")
    }
    begin = np.maximum.reduce(list(lengths.values()))
    own = {key: column(key, h.default) for key, h in hyperparameters(function).items()}
    values = function(np.maximum(t - begin, 0.0), T - begin, value, **own)
    if kind == "momentum" or not begin.any():
        return values
    start = common["warmup_start"]
    done = {s: np.where(n > 0, np.minimum(t / np.maximum(n, 1), 1), 1) for s, n in lengths.items()}
    constant = np.where(done["constant"] < 1, start, 1.0)
    linear = start + (1.0 - start) * done["linear"]
    exponential = raised(start, 1.0 - done["exponential"])
    return values * constant * linear * exponential


def _joined(kind, names, t, T, value, column, epoch):
    """The table of schedules that follow one another, each scaled to the length of its part."""
    out, begin = np.empty(t.shape), np.zeros_like(T)
    for i, name in enumerate(names):
        end = np.maximum(np.round(column(f"{i}.until", PART["until"].default) * T), begin)
        if i == len(names) - 1:
            end = T
        length = np.maximum(end - begin, 1.0)
        scale = column(f"{i}.rate", PART["rate"].default) if kind == "rate" else 1.0

        def own(key, default, i=i):
            return column(f"{i}.{key}", default)

        inside = np.clip(t - begin, 0.0, length)
        rates = _one(kind, name, inside, length, value * scale, own, epoch)
        out = np.where(t >= begin, rates, out)
        begin = end
    return out
