"""Passes: losses and gradients of a step, or losses and scores of a part, for a block of rows.

One compiled call handles all rows of a block, row by row.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from tuner.training.kernels.compiling import specialised
from tuner.training.kernels.dense import gather as gather_targets
from tuner.training.kernels.dropout import mixed
from tuner.training.losses import Loss
from tuner.training.models import NO_STATE, Model

# Bound by `specialised` when the functions below are compiled.
gather: Any = None
part: Any = None
count: Any = None
forward: Any = None
backward: Any = None
loss: Any = None
hits: Any = None


def step(
    theta, gradient, left_at, t, losses, batch,
    layout, X, y, weights, mean_weight, X_room, y_room, w_room, work, numbers, rates, state,
):  # fmt: skip
    """Losses and gradients of one batch, for all rows that have not left.

    gradient: (rows, size), of the loss; t: (rows,), the steps taken; losses: (rows,), the weighted
    sum over the samples, divided by their number times mean_weight (1 where there are no weights);
    batch: (samples,) indices into X, y (n, targets) and weights, (n,) or (0,) for none; X_room,
    y_room, w_room, work: work arrays for a batch; numbers, rates: (rows,), hyperparameters of the
    loss, rates of dropout; state: the seed's state of dropout.
    """
    samples, outputs = batch.shape[0], layout[-1]
    X_batch, y_batch = gather(X, batch, X_room), gather_targets(y, batch, y_room)
    mass, weighted = samples * mean_weight, weights.shape[0] > 0
    w_batch = w_room[: samples if weighted else 0]
    if weighted:
        for sample in range(samples):
            w_batch[sample] = weights[batch[sample]]
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0:
            continue
        own = mixed(state, t[row])
        at = forward(theta[row], layout, X_batch, work, rates[row], own)
        scores = work[at : at + samples * outputs].reshape(samples, outputs)
        total = loss(scores, y_batch, w_batch, mass, numbers[row])
        losses[row] = total / mass
        backward(theta[row], layout, X_batch, work, at, gradient[row], rates[row], own)


def evaluate(
    theta, left_at, layout, X, y, weights, chunk, work, numbers, losses, scores_hit, kept
):  # fmt: skip
    """Adds the losses and hits of all samples of X, by chunks, to `losses` and `scores_hit`
    (rows,).

    kept: (rows, n, outputs), filled with the scores, or (0, 0, 0).
    """
    samples, outputs = count(X), layout[-1]
    for row in range(theta.shape[0]):
        if left_at[row] != 0.0:
            continue
        for start in range(0, samples, chunk):
            stop = min(start + chunk, samples)
            at = forward(theta[row], layout, part(X, start, stop), work, 0.0, NO_STATE)
            scores = work[at : at + (stop - start) * outputs].reshape(stop - start, outputs)
            w = weights[start:stop]
            if kept.shape[0] > 0:
                for sample in range(stop - start):
                    for output in range(outputs):
                        kept[row, start + sample, output] = scores[sample, output]
            scores_hit[row] += hits(scores, y[start:stop], w)
            losses[row] += loss(scores, y[start:stop], w, 1.0, numbers[row])


def build_passes(
    model: Model, loss: Loss, kind: ModuleType, build: Callable[..., Any] = specialised
) -> tuple[Any, Any]:
    """`step` and `evaluate` for one model and loss.

    Args:
        model: its halves are called.
        loss: the loss to minimise, with its score.
        kind: the module that handles the input, kernels.dense or kernels.sparse.
        build: binds global names of a function, like `specialised`.
    """
    there, back = model.halves(kind, build)
    return (
        build(step, gather=kind.gather, forward=there, backward=back, loss=loss.value),
        build(
            evaluate,
            part=kind.part,
            count=kind.count,
            forward=there,
            loss=loss.value,
            hits=loss.hits,
        ),
    )
