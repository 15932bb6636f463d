"""Reduce on plateau: the only schedule that depends on losses, and so keeps state per row."""

import numpy as np

from tuner.training.domains import Fraction, UnitInterval


def reduce_on_plateau(t, T, lr):
    """The rate before any plateau: constant. `reduce_on_plateau_state` reduces it by the losses.

    Args:
        t, T, lr: step from 0, number of all steps (not used), the optimizer's rate; arrays that
            broadcast.

    Returns:
        Rates, of the shape that t and lr broadcast to.

    >>> reduce_on_plateau(np.arange(3), 3, 0.1)
    array([0.1, 0.1, 0.1])
    """
    return lr + 0.0 * t


def reduce_on_plateau_state(
    state,
    loss,
    epochs,
    factor: Fraction = 0.1,
    patience: UnitInterval = 0.1,
    threshold: Fraction = 1e-4,
    cooldown: UnitInterval = 0.0,
    final: UnitInterval = 0.0,
):
    """The state after an epoch with this validation loss; PyTorch's ReduceLROnPlateau.

    Shares of epochs are rounded down to whole epochs. It is PyTorch's modes "min" and "rel",
    without `eps`, the least change of the rate. Losses below 0 also work; PyTorch compares with the
    best loss times 1 - threshold, so that a constant loss below 0 counts as better at every epoch.

    Args:
        state: (rows, 4): the factor of the rate, the best loss, epochs since then, remaining epochs
            of cooldown.
        loss: (rows,), the validation loss after the epoch.
        epochs: number of all epochs.
        factor: multiplies the rate after more than `patience` epochs without a better loss.
        patience: share of all epochs (the default is PyTorch's ten epochs of a hundred).
        threshold: a loss is better if it is below the best one by more than this share of its size.
        cooldown: share of all epochs that do not count after a reduction.
        final: lowest share of the rate after reductions (PyTorch's min_lr / lr).

    Returns:
        The new state, (rows, 4).

    A constant loss reduces the rate to a tenth every 11 of 100 epochs:

    >>> state = np.array([[1.0, np.inf, 0.0, 0.0]])
    >>> for epoch in range(1 + 22):
    ...     state = reduce_on_plateau_state(state, np.array([0.5]), 100)
    >>> state[:, 0].round(6)
    array([0.01])
    """
    scale, best, waited, cooling = state.T
    better = loss < best * (1.0 - threshold * np.sign(best))
    best = np.where(better, loss, best)
    waited = np.where(better | (cooling > 0), 0.0, waited + 1.0)
    cooling = np.maximum(cooling - 1.0, 0.0)
    reduce = waited > _whole(patience, epochs)
    scale = np.where(reduce, np.maximum(scale * factor, np.minimum(final, scale)), scale)
    waited = np.where(reduce, 0.0, waited)
    cooling = np.where(reduce, _whole(cooldown, epochs), cooling)
    return np.stack([scale, best, waited, cooling], axis=1)


def _whole(share, epochs):
    return np.floor(share * epochs + 1e-9)
