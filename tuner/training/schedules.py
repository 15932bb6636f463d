"""Schedules: the learning rate as a pure function of the step and the number of all steps.

A schedule is a function `(t, T, lr, **hyperparameters)` with t the step counted from 0, T the
number of all steps and lr the starting rate; it works on arrays of any shapes that broadcast, so
that `table` asks for the rates of a whole population at once.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import getmembers, isfunction, signature
from typing import Any

import numpy as np

from tuner.training.domains import Hyperparameter, PositiveFraction, UnitInterval, hyperparameters

Array = np.ndarray


def constant(t, T, lr):
    """The starting rate throughout.

    >>> constant(np.arange(3), 3, 0.1)
    array([0.1, 0.1, 0.1])
    """
    return lr + 0.0 * t


def step(t, T, lr, gamma: PositiveFraction = 0.1, every: PositiveFraction = 1 / 3):
    """Multiplied by gamma after each share `every` of all steps.

    >>> step(np.arange(6), 6, 1.0, gamma=0.1, every=0.5)
    array([1. , 1. , 1. , 0.1, 0.1, 0.1])
    """
    # The small number keeps a drop at its step where every * T is rounded upwards.
    return lr * gamma ** np.floor(t / (every * T) + 1e-9)


def exponential(t, T, lr, gamma: PositiveFraction = 0.01):
    """lr * gamma**(t / T): the rate falls to the share gamma over the whole run.

    >>> exponential(np.array([0, 5, 10]), 10, 1.0, gamma=0.01)
    array([1.  , 0.1 , 0.01])
    """
    return lr * gamma ** (t / T)


def linear(t, T, lr, final: UnitInterval = 0.0):
    """Straight down to the share `final` of the starting rate, reached at step T.

    >>> linear(np.arange(4), 4, 1.0)
    array([1.  , 0.75, 0.5 , 0.25])
    """
    return lr * (1.0 - (1.0 - final) * t / T)


def cosine(t, T, lr, final: UnitInterval = 0.0):
    """Half a cosine down to the share `final` (Loshchilov & Hutter 2017, without restarts).

    >>> cosine(np.array([0, 5, 10]), 10, 1.0).round(6)
    array([1. , 0.5, 0. ])
    """
    return lr * (final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * t / T)))


def names() -> list[str]:
    """Names of all schedules: the functions here that take (t, T, lr)."""
    return [
        name
        for name, function in getmembers(sys.modules[__name__], isfunction)
        if list(signature(function).parameters)[:3] == ["t", "T", "lr"]
    ]


@cache
def load(name: str) -> Callable[..., Array]:
    """The schedule of that name.

    Raises KeyError for a name that no schedule bears.
    """
    if name not in names():
        raise KeyError(name)
    schedule: Callable[..., Array] = getattr(sys.modules[__name__], name)
    return schedule


@cache
def schedule_hyperparameters(name: str) -> dict[str, Hyperparameter]:
    return hyperparameters(load(name))


def table(
    schedules: Sequence[str],
    settings: Sequence[Mapping[str, float]],
    rates: Array,
    steps: Array,
    total: int,
) -> Array:
    """Learning rates (rows, steps) of a population at the given steps of `total`.

    schedules, settings: name and hyperparameters of each row; rates: (rows,), the starting ones;
    steps: (rows, steps), counted from 0.
    """
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(schedules):
        rows_of.setdefault(name, []).append(row)
    out = np.empty(steps.shape)
    for name, rows in rows_of.items():
        columns: dict[str, Any] = {
            key: np.array([settings[row][key] for row in rows])[:, None]
            for key in schedule_hyperparameters(name)
        }
        out[rows] = load(name)(steps[rows], total, rates[rows, None], **columns)
    return out
