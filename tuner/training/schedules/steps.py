"""Rates that change in steps: constant, and rates that drop at boundaries."""

import numpy as np

from tuner.training.domains import NonNegative, PositiveFraction
from tuner.training.power import raised

# Corrects a boundary whose share * T is rounded up to just above an integer.
TINY = 1e-9


def constant(t, T, lr):
    """The rate throughout.

    Args:
        t, T, lr: step from 0, number of all steps (not used), the rate; arrays that broadcast.

    Returns:
        Rates, of the shape that t and lr broadcast to.

    >>> constant(np.arange(3), 3, 0.1)
    array([0.1, 0.1, 0.1])
    """
    return lr + 0.0 * t


def step(t, T, lr, gamma: PositiveFraction = 0.1, every: PositiveFraction = 1 / 3):
    """Multiplied by gamma after each share `every` of all steps (PyTorch's StepLR).

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        gamma: factor of the rate at each drop.
        every: share of all steps between drops (PyTorch's step_size / T).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> step(np.arange(6), 6, 1.0, gamma=0.1, every=0.5)
    array([1. , 1. , 1. , 0.1, 0.1, 0.1])
    """
    return lr * raised(gamma, np.floor(t / (every * T) + TINY))


def multistep(
    t,
    T,
    lr,
    gamma: PositiveFraction = 0.1,
    milestone1: PositiveFraction = 0.5,
    milestone2: PositiveFraction = 0.75,
    milestone3: PositiveFraction = 1.0,
):
    """Multiplied by gamma at each milestone, a share of all steps (PyTorch's MultiStepLR).

    The defaults are those of ResNets on CIFAR (He et al. 2016). For more milestones, or other
    pieces than constant ones, use `schedule.parts`.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        gamma: factor of the rate at each milestone.
        milestone1: share of all steps; 1 is never reached.
        milestone2: another, in any order.
        milestone3: another, in any order.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    The order of the milestones does not matter, and two equal ones act together:

    >>> multistep(np.arange(4), 4, 1.0, milestone1=0.75, milestone2=0.5)
    array([1.  , 1.  , 0.1 , 0.01])
    >>> multistep(np.arange(4), 4, 1.0, milestone1=0.5, milestone2=0.5)
    array([1.  , 1.  , 0.01, 0.01])
    """
    passed = 0.0
    for milestone in (milestone1, milestone2, milestone3):
        passed = passed + (t >= milestone * T - TINY)
    return lr * raised(gamma, passed)


def piecewise(
    t,
    T,
    lr,
    boundary1: PositiveFraction = 0.5,
    factor1: NonNegative = 0.1,
    boundary2: PositiveFraction = 0.75,
    factor2: NonNegative = 0.1,
    boundary3: PositiveFraction = 1.0,
    factor3: NonNegative = 0.1,
):
    """Multiplied by a factor of its own at each boundary (optax's piecewise_constant_schedule).

    The new rate holds from the step of the boundary on, as in PyTorch and optax; in Keras's
    PiecewiseConstantDecay from the next one.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        boundary1: share of all steps; 1 is never reached.
        factor1: what the rate is multiplied by from boundary1 on.
        boundary2: another share, in any order.
        factor2: what the rate is multiplied by from boundary2 on.
        boundary3: another share, in any order.
        factor3: what the rate is multiplied by from boundary3 on.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> piecewise(np.arange(4), 4, 1.0, boundary1=0.25, factor1=0.5, boundary2=0.75, factor2=4.0)
    array([1. , 0.5, 0.5, 2. ])
    """
    rate = lr + 0.0 * t
    for boundary, factor in ((boundary1, factor1), (boundary2, factor2), (boundary3, factor3)):
        rate = rate * np.where(t >= boundary * T - TINY, factor, 1.0)
    return rate


def staircase(t, T, lr, gamma: PositiveFraction = 0.01, every: PositiveFraction = 0.1):
    """The exponential decay as a staircase; each stair takes the share `every` of all steps.

    optax's and Keras's exponential decay with staircase=True.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        gamma: share of lr that the smooth curve falls to at step T.
        every: share of all steps that a stair takes.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    It meets the smooth curve, lr * gamma**(t / T), at the start of each stair:

    >>> staircase(np.arange(4), 4, 1.0, gamma=0.0001, every=0.5)
    array([1.  , 1.  , 0.01, 0.01])
    """
    return lr * raised(gamma, every * np.floor(t / (every * T) + TINY))
