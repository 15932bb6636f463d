"""Transforms around the update of any optimizer, set by hyperparameters that all share.

`tuner.training.optimizers.shared` documents them, and `tuner.training.families.penalties` those of
models. Each is one sweep over the rows that use it. theta, gradient and kept arrays: (rows, size);
t, left_at and the hyperparameters: (rows,) float64. Rows that have left are skipped.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tuner.training import optimizers
from tuner.training.kernels.compiling import compiled, pointed

if TYPE_CHECKING:
    from tuner.training.population import Member

# Names of the penalties in a member's model_settings and of the transforms in its settings: the
# rows of `numbers`, in this order.
PENALTIES = ("l1", "l2")
TRANSFORMS = (
    *("clip_value", "clip_adaptive", "lookahead_rate", "lookahead_steps"),
    *("ema", "tail_average"),
)


def numbers_of(members: Sequence["Member"]) -> np.ndarray:
    """The members' hyperparameters of penalties and transforms, (8, rows) float64."""
    own = [
        [m.settings.get(key, optimizers.SHARED[key].default) for m in members] for key in TRANSFORMS
    ]
    penalties = [[m.model_settings.get(key, 0.0) for m in members] for key in PENALTIES]
    return np.array([*penalties, *own], np.float64)


@compiled
def add_decay(theta, gradient, left_at, penalised, l2):
    """Adds the gradient of the l2 penalty; penalised: (tensors, 2), start and stop of each."""
    for row in range(gradient.shape[0]):
        if left_at[row] != 0.0 or l2[row] == 0.0:
            continue
        strength = theta.dtype.type(l2[row])
        for start, stop in penalised:
            W, dW = theta[row, start:stop], gradient[row, start:stop]
            for i in range(W.shape[0]):
                dW[i] += strength * W[i]


@compiled
def add_subgradient(theta, gradient, left_at, penalised, l1, orthants):
    """Adds the subgradient of l1 * |W|; orthants (rows, size) get the sign that W may have next.

    At 0 it is the sign of the descent direction, or 0 if the loss rises on both sides (Andrew & Gao
    2007, equation 4).
    """
    for row in range(gradient.shape[0]):
        if left_at[row] != 0.0 or l1[row] == 0.0:
            continue
        zero, one, strength = theta.dtype.type(0), theta.dtype.type(1), theta.dtype.type(l1[row])
        for start, stop in penalised:
            W, dW = theta[row, start:stop], gradient[row, start:stop]
            side = orthants[row, start:stop]
            for i in range(W.shape[0]):
                if W[i] != zero:
                    side[i] = one if W[i] > zero else -one
                elif abs(dW[i]) <= strength:
                    side[i], dW[i] = zero, zero
                    continue
                else:
                    side[i] = -one if dW[i] > zero else one
                dW[i] += strength * side[i]


@compiled
def stop_at_zero(theta, left_at, penalised, l1, orthants):
    """Sets weights that left their orthant to 0."""
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0 or l1[row] == 0.0:
            continue
        zero = theta.dtype.type(0)
        for start, stop in penalised:
            W, side = theta[row, start:stop], orthants[row, start:stop]
            for i in range(W.shape[0]):
                if W[i] * side[i] <= zero:
                    W[i] = zero


@compiled
def clip_by_value(gradient, left_at, limits):
    """Clips the elements of the gradient to +-limits; inf is no limit, and nan stays nan."""
    for row in range(gradient.shape[0]):
        if left_at[row] != 0.0 or limits[row] == np.inf:
            continue
        limit = gradient.dtype.type(limits[row])
        for i in range(gradient.shape[1]):
            gradient[row, i] = min(max(gradient[row, i], -limit), limit)


@compiled
def clip_adaptively(theta, gradient, left_at, tensors, limits):
    """Clips each output's gradient relative to its weights; tensors: as Problem.tensors.

    All biases of a layer count as one output, as in the authors' code.
    """
    for row in range(gradient.shape[0]):
        if left_at[row] != 0.0 or limits[row] == np.inf:
            continue
        for start, stop, inputs, outputs, _ in tensors:
            if inputs == 1:
                inputs, outputs = outputs, 1
            W = theta[row, start:stop].reshape(inputs, outputs)
            dW = gradient[row, start:stop].reshape(inputs, outputs)
            for output in range(outputs):
                length, slope = 0.0, 0.0
                for i in range(inputs):
                    length += np.float64(W[i, output]) ** 2
                    slope += np.float64(dW[i, output]) ** 2
                most = limits[row] * max(np.sqrt(length), 1e-3)
                if np.sqrt(slope) > most:
                    scale = dW.dtype.type(most / np.sqrt(slope))
                    for i in range(inputs):
                        dW[i, output] *= scale


@compiled
def average(theta, mean, t, left_at, total, ema, tail):
    """Updates `mean`, the average of the parameters so far; t: steps taken."""
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0 or (ema[row] == 0.0 and tail[row] == 0.0):
            continue
        begun = t[row]
        if tail[row] > 0.0:
            # The small number corrects a product that is rounded down to just below an integer.
            begun -= total - np.floor(tail[row] * total + 1e-9)
        if begun <= 1.0:
            mean[row] = theta[row]
            continue
        weight = theta.dtype.type(1.0 / begun if tail[row] > 0.0 else 1.0 - ema[row])
        for i in range(theta.shape[1]):
            mean[row, i] += weight * (theta[row, i] - mean[row, i])


@compiled
def look_ahead(theta, slow, t, left_at, rates, steps):
    """Lookahead: every `steps` steps, slow moves a share of the way to theta, which restarts there.

    steps is rounded down; a rate of 1 disables it.
    """
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0 or rates[row] == 1.0 or t[row] % np.floor(steps[row]) != 0.0:
            continue
        rate = theta.dtype.type(rates[row])
        for i in range(theta.shape[1]):
            slow[row, i] += rate * (theta[row, i] - slow[row, i])
            theta[row, i] = slow[row, i]


@pointed
def before_update(theta, gradient, left_at, tensors, penalised, numbers, orthants):
    """All transforms before a step's update; numbers: see `numbers_of`."""
    add_decay(theta, gradient, left_at, penalised, numbers[1])
    add_subgradient(theta, gradient, left_at, penalised, numbers[0], orthants)
    clip_by_value(gradient, left_at, numbers[2])
    clip_adaptively(theta, gradient, left_at, tensors, numbers[3])


@pointed
def after_update(theta, left_at, t, total, penalised, numbers, orthants, slow, mean):
    """All transforms after a step's update."""
    stop_at_zero(theta, left_at, penalised, numbers[0], orthants)
    look_ahead(theta, slow, t, left_at, numbers[4], numbers[5])
    average(theta, mean, t, left_at, total, numbers[6], numbers[7])


def needed(numbers: np.ndarray) -> tuple[bool, bool]:
    """Whether rows with these numbers have transforms before, and after, an update."""
    l1, l2, clip_value, clip_adaptive, lookahead_rate, _, ema, tail = numbers
    before = l1.any() or l2.any() or (clip_value < np.inf).any() or (clip_adaptive < np.inf).any()
    after = l1.any() or (lookahead_rate != 1.0).any() or ema.any() or tail.any()
    return bool(before), bool(after)
