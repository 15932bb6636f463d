"""Steps: a block of rows through many of them in one compiled call.

Nothing of a step is Python, so that threads never wait for its global lock, which at small models
cost as much as the training. The passes come as pointers, so that this is not compiled anew for
every model with every optimizer.
"""

from typing import NamedTuple

import numpy as np

from tuner.training.kernels.compiling import Pointer, compiled

Array = np.ndarray


class Passes(NamedTuple):
    """What a step calls, and whether it does: what a block does not use is a type without code.

    differentiate takes what it alone needs as well (kernels.model_passes); update takes slots and
    settings (kernels.rule_compiler); the two beside it are of tuner.training.transforms.
    """

    differentiate: Pointer
    before_update: Pointer
    update: Pointer
    after_update: Pointer
    differentiates: bool
    prepares: bool
    finishes: bool


class Rows(NamedTuple):
    """theta and gradient (rows, size); left_at, the steps taken and this one's losses (rows,)."""

    theta: Array
    gradient: Array
    left_at: Array
    t: Array
    losses: Array


class Course(NamedTuple):
    """The batches of an epoch and their rates.

    Step i has the batch order[bounds[i] : bounds[i + 1]] of samples; rates: (rows, steps); total:
    the number of all steps of the training.
    """

    order: Array
    bounds: Array
    rates: Array
    total: int


class Cycling(NamedTuple):
    """Columns of the settings that a schedule sets, and to what, (columns, rows, steps)."""

    columns: Array
    values: Array


class Layout(NamedTuple):
    """The problem's tensors, and which of them are penalised (tuner.training.problems)."""

    tensors: Array
    penalised: Array


class Transforms(NamedTuple):
    """The rows' numbers of what is put around an update (tuner.training.transforms), the signs
    that a penalty lets it have, and what Lookahead and averages keep, (rows, size) each."""

    numbers: Array
    orthants: Array
    slow: Array
    mean: Array


class Totals(NamedTuple):
    """What an epoch gathers: norms of gradients and losses, (rows,), are added to; `before`,
    (rows, size), becomes theta before the last step."""

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
        first, stop: numbers of steps, the last excluded.
        halt: (1,) bool, which another thread may set.
        passes: what is called.
        own: what `differentiate` takes beside rows and batch.
        slots: what the optimizer keeps, changed in place.
        settings: (rows, hyperparameters but lr), changed in place where they cycle.
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
    """Number by number: an assignment of arrays would make numba compile its error messages too."""
    numbers, copies = source.reshape(source.size), target.reshape(target.size)
    for i in range(numbers.shape[0]):
        copies[i] = numbers[i]
