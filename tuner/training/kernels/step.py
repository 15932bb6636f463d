"""Steps: a block of rows through many of them in one compiled call.

Nothing of a step is Python, so that threads never wait for its global lock, which at small models
cost as much as the training. The passes come as pointers, so that this is not compiled anew for
every model with every optimizer.
"""

from tuner.training.kernels.compiling import compiled


@compiled
def advance(
    first, stop, halt, differentiate, before_update, update, after_update, own, slots, rows, course,
    settings, cycling, shape, wrapped, told,
):  # fmt: skip
    """Takes rows through the steps `first` to `stop` of an epoch, unless `halt` becomes true.

    differentiate takes `own` as well (kernels.model_passes), update takes slots and settings
    (kernels.rule_compiler); the two beside it are of tuner.training.transforms. The others:

    - rows: theta, gradient, left_at, the steps taken and the losses of this one
    - course: order, (samples,) int64, bounds, masses, rates and the number of all steps; step i
      has the batch order[bounds[i] : bounds[i + 1]], which counts masses[i]
    - cycling: columns of settings, and what goes there, (columns, rows, steps)
    - shape: the problem's tensors, and which of them are penalised
    - wrapped: the rows' numbers of wrappers, and what Lookahead and averages keep
    - told: (rows,) twice, to which the norms of the gradients and the losses are added, and
      (rows, size), which becomes theta before the last step of the epoch
    """
    theta, gradient, left_at, t, losses = rows
    order, bounds, masses, rates, total = course
    cycled, cycles = cycling
    tensors, penalised = shape
    numbers, slow, mean = wrapped
    norms, sums, before = told
    for i in range(first, stop):
        if halt[0]:
            return
        if i == masses.shape[0] - 1:
            copy(theta, before)
        differentiate(theta, gradient, left_at, t, losses, order[bounds[i] : bounds[i + 1]], *own)
        for row in range(theta.shape[0]):
            sums[row] += losses[row] * masses[i]
            for k in range(cycled.shape[0]):
                settings[row, cycled[k]] = cycles[k, row, i]
        before_update(theta, gradient, left_at, tensors, penalised, numbers)
        update(
            theta, gradient, *slots, t, rates, i, total, tensors, settings, losses, norms, left_at
        )
        after_update(theta, left_at, t, rates, i, total, penalised, numbers, slow, mean)


@compiled
def copy(source, target):
    """Number by number: an assignment of arrays would make numba compile its error messages too."""
    numbers, copies = source.reshape(source.size), target.reshape(target.size)
    for i in range(numbers.shape[0]):
        copies[i] = numbers[i]


@compiled
def nothing(theta, gradient, left_at, t, losses, batch):
    """In the place of `differentiate`, for gradients that are there already."""
