"""Reduce on plateau: the one schedule that looks at the losses, and so keeps state for each row."""

import numpy as np

from tuner.training.domains import Fraction, UnitInterval


def reduce_on_plateau(t, T, lr):
    """The rate before any plateau: constant. `reduce_on_plateau_state` says what losses make of it.

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
    """The state after an epoch of that validation loss; PyTorch's ReduceLROnPlateau.

    Shares of epochs count in whole ones. Of PyTorch's modes it is "min" and "rel", without `eps`,
    the smallest change that is made. A loss below 0 is reduced as well; PyTorch multiplies the best
    one by 1 - threshold, which a loss below 0 that stands still is below at every epoch.

    Args:
        state: (rows, 4): the share of the rate that is left, the best loss, epochs since it, epochs
            of cooldown to come.
        loss: (rows,) of the validation after the epoch.
        epochs: number of all epochs.
        factor: the rate is multiplied by it after more than `patience` epochs without a better
            loss.
        patience: share of all epochs (PyTorch's ten epochs are the default's of a hundred).
        threshold: a loss is better if it is below the best one by more than this share of its size.
        cooldown: share of all epochs that do not count after a reduction.
        final: share of the rate that reductions do not go below (PyTorch's min_lr / lr).

    Returns:
        The new state, (rows, 4).

    A loss that stands still costs a factor of ten after each 11 epochs of 100:

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
