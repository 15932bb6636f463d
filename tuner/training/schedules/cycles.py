"""Rates that rise and fall: warm restarts, triangles, and the one cycle with its momentum."""

from typing import Annotated

import numpy as np

from tuner.training.domains import Domain, PositiveFraction, UnitInterval
from tuner.training.power import raised
from tuner.training.schedules.steps import TINY

AtLeastOne = Annotated[float, Domain(1.0, np.inf)]
PositiveHalf = Annotated[float, Domain(0.0, 0.5, low_closed=False, high_closed=True)]


def cosine_restarts(
    t,
    T,
    lr,
    first: PositiveFraction = 1 / 7,
    multiplier: AtLeastOne = 2.0,
    gamma: PositiveFraction = 1.0,
    final: UnitInterval = 0.0,
):
    """SGDR: a cosine that starts again (Loshchilov & Hutter 2017, equation 5).

    The default's third cycle ends with the training.

    Args:
        t, T, lr: step from 0, number of all steps, the optimizer's rate; arrays that broadcast.
        first: share of all steps that the first cycle takes; the paper's T_0 over T.
        multiplier: length of a cycle relative to the cycle before; the paper's T_mult.
        gamma: height of a cycle above the bottom, relative to the cycle before (Keras's m_mul; 1 in
            the paper and in PyTorch's CosineAnnealingWarmRestarts).
        final: share of lr at the bottom of each cycle; the paper's eta_min / eta_max. No top is
            below it, however small gamma is.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> cosine_restarts(np.arange(7), 7, 1.0, first=1 / 7, multiplier=2.0).round(4)
    array([1.    , 1.    , 0.5   , 1.    , 0.8536, 0.5   , 0.1464])
    """
    passed, growth = t / (first * T), multiplier - 1.0
    grows = growth > 0.0
    safe = np.where(grows, growth, 1.0)
    cycle = np.where(grows, np.log1p(safe * passed) / np.log1p(safe), passed)
    cycle = np.floor(cycle + TINY)
    start = np.where(grows, np.expm1(cycle * np.log1p(safe)) / safe, cycle)
    done = np.clip((passed - start) / raised(multiplier, cycle), 0.0, 1.0)
    height = (lr - lr * final) * raised(gamma, cycle)
    return lr * final + height * 0.5 * (1.0 + np.cos(np.pi * done))


def triangular(t, T, lr, cycle: PositiveFraction = 0.1, low: UnitInterval = 1 / 6):
    """Up and down between the share `low` of the rate and the rate (Smith 2017, section 3).

    PyTorch's CyclicLR, without its cycling of momentum, which is not in the paper.

    Args:
        t, T, lr: step from 0, number of all steps, the highest rate; arrays that broadcast.
        cycle: share of all steps that a whole cycle takes, the paper's two stepsizes.
        low: the lowest rate over the highest; the default is that of the paper's experiments, 0.001
            to 0.006.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> triangular(np.arange(9), 8, 1.0, cycle=0.5, low=0.0)
    array([0. , 0.5, 1. , 0.5, 0. , 0.5, 1. , 0.5, 0. ])
    """
    return lr * (low + (1.0 - low) * _triangle(t, T, cycle))


def triangular2(t, T, lr, cycle: PositiveFraction = 0.1, low: UnitInterval = 1 / 6):
    """Triangles whose height halves after each cycle (Smith 2017, section 3).

    Args:
        t, T, lr: step from 0, number of all steps, the highest rate; arrays that broadcast.
        cycle: share of all steps that a whole cycle takes, the paper's two stepsizes.
        low: the lowest rate over the highest, from which the heights are measured.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> triangular2(np.arange(9), 8, 1.0, cycle=0.5, low=0.0)
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25, 0.  ])
    """
    height = raised(0.5, np.floor(t / (cycle * T) + TINY))
    return lr * (low + (1.0 - low) * height * _triangle(t, T, cycle))


def exp_range(
    t,
    T,
    lr,
    cycle: PositiveFraction = 0.1,
    low: UnitInterval = 1 / 6,
    gamma: PositiveFraction = 0.01,
):
    """Triangles whose height falls to the share gamma over the whole run (Smith 2017, section 3).

    Args:
        t, T, lr: step from 0, number of all steps, the highest rate; arrays that broadcast.
        cycle: share of all steps that a whole cycle takes, the paper's two stepsizes.
        low: the lowest rate over the highest, from which the heights are measured.
        gamma: the height at the end relative to that at the start; the gamma of the paper and of
            PyTorch is per step, gamma**(1 / T) here.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> exp_range(np.arange(1, 8, 2), 8, 1.0, cycle=0.25, low=0.0, gamma=0.1).round(4)
    array([0.7499, 0.4217, 0.2371, 0.1334])
    """
    height = raised(gamma, t / T)
    return lr * (low + (1.0 - low) * height * _triangle(t, T, cycle))


def _triangle(t, T, cycle):
    """From 0 up to 1 and back to 0 in each cycle."""
    phase = np.mod(2.0 * t / (cycle * T), 2.0)
    return 1.0 - np.abs(phase - 1.0)


def one_cycle(
    t,
    T,
    lr,
    rise: PositiveFraction = 0.3,
    start: UnitInterval = 1 / 25,
    final: UnitInterval = 4e-6,
):
    """Up to the rate, then down to almost nothing (Smith & Topin 2019), along cosines.

    PyTorch's OneCycleLR: the top is at step rise * T - 1 and the bottom at the last step, T - 1.
    The paper's lines are straight, as in `one_cycle_linear`.

    Args:
        t, T, lr: step from 0, number of all steps, the highest rate (PyTorch's max_lr); arrays that
            broadcast.
        rise: share of all steps before the top (PyTorch's pct_start).
        start: share of lr at the first step (PyTorch's 1 / div_factor).
        final: share of lr at the last step (PyTorch's 1 / (div_factor * final_div_factor)).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> one_cycle(np.array([0, 4, 9]), 10, 1.0, rise=0.5)
    array([4.e-02, 1.e+00, 4.e-06])
    """
    up, down = _two_phases(t, T, rise)
    return lr * np.where(down > 0, _cosine(1.0, final, down), _cosine(start, 1.0, up))


def one_cycle_momentum(
    t, T, momentum, rise: PositiveFraction = 0.3, momentum_low: UnitInterval = 0.85
):
    """The counter-cycle: momentum (or beta1) is low where the rate is high.

    Smith 2018, section 4.3. From the optimizer's own value down to momentum_low at the top of the
    rate, and back; an optimizer's value below momentum_low, or a momentum_low of 1, stays as it is.

    Args:
        t, T, momentum: step from 0, number of all steps, the optimizer's value; arrays that
            broadcast.
        rise: share of all steps before the rate's top, as in `one_cycle`.
        momentum_low: the value at that top (PyTorch's base_momentum, 0.85, where max_momentum is
            0.95).

    Returns:
        Momenta, of the shape that t, T and momentum broadcast to.

    >>> one_cycle_momentum(np.array([0, 4, 9]), 10, 0.95, rise=0.5)
    array([0.95, 0.85, 0.95])
    """
    low = np.minimum(momentum, momentum_low)
    up, down = _two_phases(t, T, rise)
    return np.where(down > 0, _cosine(low, momentum, down), _cosine(momentum, low, up))


def one_cycle_linear(
    t,
    T,
    lr,
    rise: PositiveHalf = 0.45,
    start: UnitInterval = 1 / 25,
    final: UnitInterval = 4e-6,
):
    """The one cycle in straight lines: up, down to where it began, then to almost nothing.

    Smith & Topin 2019 as drawn there, PyTorch's OneCycleLR with three_phase and the linear
    strategy: up to step rise * T - 1, down to step 2 * rise * T - 2, the rest to the last step.

    Args:
        t, T, lr: step from 0, number of all steps, the highest rate; arrays that broadcast.
        rise: share of all steps before the top, and again on the way down; the default leaves a
            tenth for the last phase (Smith 2018, section 4.1).
        start: share of lr at the first step and at the end of the way down (PyTorch's
            1 / div_factor).
        final: share of lr at the last step (PyTorch's 1 / (div_factor * final_div_factor)).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> one_cycle_linear(np.array([0, 3, 6, 9]), 10, 1.0, rise=0.4, start=0.1, final=0.0)
    array([0.1, 1. , 0.1, 0. ])
    """
    up, down, out = _three_phases(t, T, rise)
    return lr * (start + (1.0 - start) * (up - down) + (final - start) * out)


def one_cycle_linear_momentum(
    t, T, momentum, rise: PositiveHalf = 0.45, momentum_low: UnitInterval = 0.85
):
    """The counter-cycle in straight lines: down, up again, and kept.

    Args:
        t, T, momentum: step from 0, number of all steps, the optimizer's value; arrays that
            broadcast.
        rise: share of all steps before the rate's top, as in `one_cycle_linear`.
        momentum_low: the value at that top, if the optimizer's is not lower.

    Returns:
        Momenta, of the shape that t, T and momentum broadcast to.

    >>> one_cycle_linear_momentum(np.array([0, 3, 6, 9]), 10, 0.95, rise=0.4)
    array([0.95, 0.85, 0.95, 0.95])
    """
    low = np.minimum(momentum, momentum_low)
    up, down, _ = _three_phases(t, T, rise)
    return momentum + (low - momentum) * (up - down)


def _cosine(start, end, share):
    return end + (start - end) * 0.5 * (1.0 + np.cos(np.pi * share))


def _share(t, start, end):
    """The progress of t from start to end, from 0 to 1; 1 if they are equal."""
    length = end - start
    return np.where(length > 0, np.clip((t - start) / np.where(length > 0, length, 1), 0, 1), 1.0)


def _two_phases(t, T, rise):
    top = rise * T - 1.0
    return _share(t, 0.0, top), np.where(t > top, _share(t, top, T - 1.0), 0.0)


def _three_phases(t, T, rise):
    top, bottom = rise * T - 1.0, 2.0 * rise * T - 2.0
    return (
        np.where(t > top, 1.0, _share(t, 0.0, top)),
        np.where(t > top, _share(t, top, bottom), 0.0),
        np.where(t > bottom, _share(t, bottom, T - 1.0), 0.0),
    )
