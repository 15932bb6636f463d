"""Overfitting: the winner's validation loss should not rise again after its minimum."""

from collections.abc import Iterator

import numpy as np

from tuner.codec import Settings
from tuner.study.audited import Audited
from tuner.study.results import Finding
from tuner.training.curves import RISEN, STOP, overfitting

CHECK = "overfitting"
# The largest L2 penalty to search then.
PENALTY = 0.01
# The advised length relative to the best epoch: the schedule needs some epochs to end.
LONGER = 1.5


def check(study: Audited) -> Iterator[Finding]:
    """How far above its minimum the validation loss ended, as a share of the minimum.

    It is overfitting by the same rule as for the label of a curve: the median of the last quarter
    is higher while the training loss still falls. If the loss rose in another way, or there is no
    validation part, the check is silent.
    """
    winner, curve = study.winner, study.curve
    losses = curve.validation
    if winner is None or len(losses) != len(curve.train) or len(losses) < 2:
        return
    if np.array_equal(losses, curve.train):
        return
    least, lowest = float(losses.min()), int(np.argmin(losses))
    if not np.isfinite(losses).all() or least == 0:
        return
    share = (float(np.median(losses[curve.turn :])) - least) / abs(least)
    found = overfitting(curve)
    if found is None and share <= RISEN:
        said = f"the validation loss of trial {winner.number} ended {max(share, 0):.1%} above its"
        yield Finding(CHECK, True, share, RISEN, f"{said} minimum", "")
    if found is None:
        return
    changes = dict(_penalty(study))
    if study.goal.best_epoch:
        # The model stops before it overfits; a penalty may still improve it.
        well, advice = not changes, "" if not changes else found.advice.partition(STOP)[0]
        yield Finding(CHECK, well, share, RISEN, found.evidence, advice, changes)
        return
    if (epochs := round(LONGER * max(lowest, 1))) < study.epochs:
        changes["budget.epochs"] = epochs
    yield Finding(CHECK, False, share, RISEN, found.evidence, found.advice, changes)


def _penalty(study: Audited) -> Settings:
    """A search for an L2 penalty if the winner has none and its model takes one."""
    assert study.winner is not None
    if "model" not in study.winner.settings:
        return {}
    path = f"model.{study.winner.settings['model']}.l2"
    taken = study.winner.settings.get(path, 0.0) == 0 and path not in study.space.searched
    return {path: {"low": 0.0, "high": PENALTY}} if taken else {}
