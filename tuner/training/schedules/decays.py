"""Rates that fall smoothly along one formula, from the first step to the last."""

import numpy as np

from tuner.training.domains import (
    Fraction,
    NonNegative,
    Positive,
    PositiveFraction,
    UnitInterval,
)
from tuner.training.power import raised


def exponential(t, T, lr, gamma: PositiveFraction = 0.01):
    """lr * gamma**(t / T): the rate falls to the share gamma over the whole run.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        gamma: share of lr at step T; PyTorch's ExponentialLR multiplies by gamma**(1 / T) at each
            step.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> exponential(np.array([0, 5, 10]), 10, 1.0, gamma=0.01)
    array([1.  , 0.1 , 0.01])
    """
    return lr * raised(gamma, t / T)


def linear(t, T, lr, final: UnitInterval = 0.0):
    """Straight down to the share `final` of the starting rate, reached at step T.

    PyTorch's LinearLR with end_factor=final, optax's linear_schedule.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        final: share of lr at step T.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> linear(np.arange(4), 4, 1.0)
    array([1.  , 0.75, 0.5 , 0.25])
    """
    return lr * (1.0 - (1.0 - final) * t / T)


def polynomial(
    t,
    T,
    lr,
    power: Positive = 1.0,
    final: UnitInterval = 0.0,
    until: PositiveFraction = 1.0,
):
    """(1 - t / T)**power down to the share `final`, reached at the share `until` and held.

    optax's polynomial_schedule; PyTorch's PolynomialLR, which has no final rate. Keras's default
    ends at the rate 1e-4, whatever the first rate is.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        power: exponent of the share of steps that are left; 1 is a line.
        final: share of lr that it ends with.
        until: share of all steps at which it ends.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    A power of 2 is at a quarter where a power of 1 is at a half:

    >>> polynomial(np.array([0, 5, 10]), 10, 1.0, power=2.0)
    array([1.  , 0.25, 0.  ])
    """
    left = 1.0 - np.minimum(t / (until * T), 1.0)
    return lr * (final + (1.0 - final) * raised(left, power))


def inverse_time(t, T, lr, decay: NonNegative = 9.0):
    """lr / (1 + decay * t / T): down to lr / (1 + decay), by default a tenth.

    Keras's InverseTimeDecay with decay_steps = T.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        decay: what is added to lr / rate over the whole run (Keras's decay_rate).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    Equal spans of time add equally to 1 / rate:

    >>> 1 / inverse_time(np.array([0, 5, 10]), 10, 1.0)
    array([ 1. ,  5.5, 10. ])
    """
    return lr / (1.0 + decay * t / T)


def inverse_sqrt(t, T, lr, timescale: PositiveFraction = 0.04):
    """lr / sqrt(1 + t / timescale), the timescale a share of all steps (Zhai et al. 2022).

    The inverse square root of Hugging Face and big_vision; with a linear warmup as long as the
    timescale it is that of the Transformer (Vaswani et al. 2017, section 5.3), whose 4,000 of
    100,000 steps are the default. It has no end point: the rate never reaches 0.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        timescale: share of all steps after which the rate is lr / sqrt(2).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    Four times as late, half the rate:

    >>> inverse_sqrt(np.array([0, 3, 15]), 100, 1.0, timescale=0.01)
    array([1.  , 0.5 , 0.25])
    """
    return lr / np.sqrt(1.0 + t / (timescale * T))


def bottou(t, T, lr, alpha: NonNegative = 1e-4):
    """lr / (1 + lr * alpha * t) with alpha the strength of regularization (Bottou 2012, eq. 9).

    t counts steps, not shares: whatever the first rate, the rate approaches 1 / (alpha * t), which
    is asymptotically optimal for a loss whose smallest curvature is alpha.

    Args:
        t, T, lr: step from 0, number of all steps (not used), the first rate, the paper's gamma_0;
            arrays that broadcast.
        alpha: the paper's lambda, its default scikit-learn's alpha.

    Returns:
        Rates, of the shape that t and lr broadcast to.

    >>> (bottou(1e6, 1e6, np.array([0.1, 1.0, 10.0, 1e9])) * 1e2).round(2)
    array([0.91, 0.99, 1.  , 1.  ])
    """
    return lr / (1.0 + lr * alpha * t)


def invscaling(t, T, lr, power: NonNegative = 0.5):
    """lr / t**power with steps counted from 1: scikit-learn's learning_rate="invscaling".

    SGDClassifier counts samples; MLPClassifier counts samples, too, but changes its rate once per
    epoch. Here steps are counted.

    Args:
        t, T, lr: step from 0, number of all steps (not used), the first rate (scikit-learn's eta0
            or learning_rate_init); arrays that broadcast.
        power: scikit-learn's power_t; the default is that of SGDClassifier and MLPClassifier
            (SGDRegressor: 0.25).

    Returns:
        Rates, of the shape that t and lr broadcast to.

    >>> invscaling(np.array([0, 3, 99]), 100, 1.0)
    array([1. , 0.5, 0.1])
    """
    return lr / raised(t + 1.0, power)


def optimal(t, T, lr, alpha: Positive = 1e-4):
    """lr / (alpha * (t0 + t)), t0 = alpha**-0.75: scikit-learn's "optimal" of SGDClassifier.

    scikit-learn has no starting rate here; its curve is that of lr = 1, and `lr` scales it. t
    counts steps from 0.

    Args:
        t, T, lr: step from 0, number of all steps (not used), factor of the rate; arrays that
            broadcast.
        alpha: strength of regularization, scikit-learn's alpha.

    Returns:
        Rates, of the shape that t and lr broadcast to.

    It is Bottou's schedule with his guess of the first rate, alpha**-0.25, by default 10:

    >>> optimal(np.array([0, 999000]), 10**6, 1.0, alpha=1e-4).round(6)
    array([10.  ,  0.01])
    >>> bottou(np.array([0, 999000]), 10**6, 10.0, alpha=1e-4).round(6)
    array([10.  ,  0.01])
    """
    return lr / (alpha * (raised(alpha, -0.75) + t))


def cosine(t, T, lr, final: UnitInterval = 0.0):
    """Half a cosine down to the share `final` (Loshchilov & Hutter 2017, without restarts).

    PyTorch's CosineAnnealingLR with T_max = T, optax's cosine_decay_schedule.

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        final: share of lr at step T (PyTorch's eta_min / lr, optax's alpha).

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> cosine(np.array([0, 5, 10]), 10, 1.0).round(6)
    array([1. , 0.5, 0. ])
    """
    return lr * (final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * t / T)))


def rex(t, T, lr, beta: Fraction = 0.5):
    """lr * (1 - z) / (1 - beta + beta * (1 - z)), z = t / T: REX (Chen et al. 2022, equation 1).

    Args:
        t, T, lr: step from 0, number of all steps, the starting rate; arrays that broadcast.
        beta: how long the rate stays high and how steeply it then falls; 0.5 in the paper; 0 is a
            linear decay.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> rex(np.array([0, 5, 10]), 10, 1.0).round(4)
    array([1.    , 0.6667, 0.    ])
    >>> rex(np.array([0, 5, 10]), 10, 1.0, beta=0.0)
    array([1. , 0.5, 0. ])
    """
    left = 1.0 - np.minimum(t / T, 1.0)
    return lr * left / (1.0 - beta + beta * left)


def wsd_linear(t, T, lr, decay: PositiveFraction = 0.2, final: UnitInterval = 0.0):
    """Warmup-stable-decay: the rate, then over the last share `decay` straight to `final`.

    Hu et al. 2024 (MiniCPM, section 4), Hägele et al. 2024. The warmup is the one that all
    schedules share; shares are counted from its end.

    Args:
        t, T, lr: step from 0, number of all steps, the stable rate; arrays that broadcast.
        decay: share of all steps, at their end, that the decay takes.
        final: share of lr at step T.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    >>> wsd_linear(np.array([0, 5, 8, 9, 10]), 10, 1.0, decay=0.4).round(4)
    array([1.  , 1.  , 0.5 , 0.25, 0.  ])
    """
    return lr * (1.0 - (1.0 - final) * _decayed(t, T, decay))


def wsd_cosine(t, T, lr, decay: PositiveFraction = 0.2, final: UnitInterval = 0.0):
    """Warmup-stable-decay whose decay is half a cosine.

    Args:
        t, T, lr: step from 0, number of all steps, the stable rate; arrays that broadcast.
        decay: share of all steps, at their end, that the decay takes.
        final: share of lr at step T.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    With a decay all along it is `cosine`:

    >>> t = np.arange(10)
    >>> np.array_equal(wsd_cosine(t, 10, 1.0, decay=1.0), cosine(t, 10, 1.0))
    True
    """
    return lr * (final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * _decayed(t, T, decay))))


def wsd_sqrt(t, T, lr, decay: PositiveFraction = 0.2, final: UnitInterval = 0.0):
    """Warmup-stable-decay whose decay is 1 - sqrt (Hägele et al. 2024, section 3).

    Args:
        t, T, lr: step from 0, number of all steps, the stable rate; arrays that broadcast.
        decay: share of all steps, at their end, that the decay takes.
        final: share of lr at step T.

    Returns:
        Rates, of the shape that t, T and lr broadcast to.

    It falls steeply first: after a quarter of the decay half of it is done.

    >>> wsd_sqrt(np.array([6, 7, 10]), 10, 1.0, decay=0.4)
    array([1. , 0.5, 0. ])
    """
    return lr * (1.0 - (1.0 - final) * np.sqrt(_decayed(t, T, decay)))


def _decayed(t, T, decay):
    """The share of the final decay that is done, from 0 to 1."""
    return np.clip((t - (1.0 - decay) * T) / (decay * T), 0.0, 1.0)
