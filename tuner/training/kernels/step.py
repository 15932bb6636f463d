"""Steps: one compiled call takes a block of rows through many steps.

No step runs Python code, so that threads never wait for the global interpreter lock; for small
models that took as long as the training. The passes are pointers, so that `advance` is not compiled
again for every pair of model and optimizer.
"""

from typing import NamedTuple

import numpy as np

from tuner.training.kernels.compiling import Pointer, compiled

Array = np.ndarray


class Passes(NamedTuple):
    """The passes of a step, and whether they are called; a pass that is not is a type without code.

    differentiate takes further arguments (kernels.model_passes); update takes slots and settings
    (kernels.rule_compiler); before_update and after_update are from tuner.training.transforms.
    """

    differentiate: Pointer
    before_update: Pointer
    update: Pointer
    after_update: Pointer
    differentiates: bool
    prepares: bool
    finishes: bool


class Rows(NamedTuple):
    """theta and gradient (rows, size); left_at, steps taken and losses of this step, (rows,)."""

    theta: Array
    gradient: Array
    left_at: Array
    t: Array
    losses: Array


class Course(NamedTuple):
    """The batches of an epoch and their learning rates.

    The batch of step i is the samples order[bounds[i] : bounds[i + 1]]; rates: (rows, steps);
    total: number of steps in the whole training.
    """

    order: Array
    bounds: Array
    rates: Array
    total: int


class Cycling(NamedTuple):
    """Columns of the settings that a schedule sets, and their values (columns, rows, steps)."""

    columns: Array
    values: Array


class Layout(NamedTuple):
    """The problem's tensors, and those with penalties (tuner.training.problems)."""

    tensors: Array
    penalised: Array


class Transforms(NamedTuple):
    """Hyperparameters and state of the transforms around an update (tuner.training.transforms).

    numbers: (8, rows); orthants: the signs that the l1 penalty allows; slow, mean: kept by
    Lookahead and by averages; (rows, size) each.
    """

    numbers: Array
    orthants: Array
    slow: Array
    mean: Array


class Totals(NamedTuple):
    """Sums over an epoch: norms of gradients and losses, (rows,). `before`, (rows, size), becomes
    theta before the last step."""

    norms: Array
    losses: Array
    before: Array


@compiled
def advance(
    first, stop, halt, passes, own, slots, rows, course, settings, cycling, layout, transforms,
    totals,
):  # fmt: skip
    """Takes rows through the steps `first` to `stop` of an epoch, unless `halt` becomes true.

    Args:
        first, stop: indices of steps, `stop` excluded.
        halt: (1,) bool; another thread may set it.
        passes: the functions to call.
        own: further arguments of `differentiate`.
        slots: state of the optimizer, changed in place.
        settings: (rows, hyperparameters without lr), changed in place if a schedule sets them.
        rows, course, cycling, layout, transforms, totals: see their classes.
    """
    theta, gradient, left_at, t, losses = rows
    order, bounds, rates, total = course
    tensors, penalised = layout
    numbers, orthants, slow, mean = transforms
    for i in range(first, stop):
        if halt[0]:
            return
        if i == bounds.shape[0] - 2:
            copy(theta, totals.before)
        if passes.differentiates:
            batch = order[bounds[i] : bounds[i + 1]]
            passes.differentiate(theta, gradient, left_at, t, losses, batch, *own)
        for row in range(theta.shape[0]):
            totals.losses[row] += losses[row] * (bounds[i + 1] - bounds[i])
            for k in range(cycling.columns.shape[0]):
                settings[row, cycling.columns[k]] = cycling.values[k, row, i]
        if passes.prepares:
            passes.before_update(theta, gradient, left_at, tensors, penalised, numbers, orthants)
        passes.update(
            theta, gradient, *slots, t, rates, i, total, tensors, settings, losses, totals.norms,
            left_at,
        )  # fmt: skip
        if passes.finishes:
            passes.after_update(theta, left_at, t, total, penalised, numbers, orthants, slow, mean)


@compiled
def copy(source, target):
    """Copies element by element: numba would compile its error messages, too, for an assignment."""
    numbers, copies = source.reshape(source.size), target.reshape(target.size)
    for i in range(numbers.shape[0]):
        copies[i] = numbers[i]
