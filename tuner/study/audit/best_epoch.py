"""Best epoch: at the very end, the training was too short; near the start, too long."""

import math
from collections.abc import Iterator

import numpy as np

from tuner.study.audited import Audited
from tuner.study.results import Finding
from tuner.training.curves import SETTLED

CHECK = "best epoch"
# The best epoch's share of all epochs up to which, and from which, the length is wrong.
EARLY, LATE = 0.1, 0.75
# A tenth of a shorter training is less than one epoch.
FEWEST = 10
# Labels of curves that speak against longer training.
SETTLED_LABELS = ("converged", "overfitting")


def check(study: Audited) -> Iterator[Finding]:
    """Looks at which epoch the winner's objective is best.

    A winner that is stopped at its best epoch needs no advice.

    A late best epoch alone is no fault, because most curves end at their lowest point. It is one if
    the training loss had not settled, and the last quarter, measured by the sum of the learning
    rates (`Curve.progress`), brought more than 1 % of the total gain and more than twice the noise
    from epoch to epoch.
    """
    winner, reached = study.winner, study.reached
    if winner is not None and winner.stops_at is not None:
        at, share = winner.stops_at, winner.stops_at / winner.epochs
        said = f"the best epoch of trial {winner.number} is {at} of {winner.epochs}, where it stops"
        yield Finding(CHECK, True, share, EARLY, said, "")
        return
    if winner is None or len(reached) < FEWEST or not np.isfinite(reached).all():
        return
    at = int(np.argmin(reached)) + 1
    share = at / len(reached)
    said = f"the best epoch of trial {winner.number} is {at} of {len(reached)}"
    if share <= EARLY:
        advice, changes = "train shorter", {"budget.epochs": math.ceil(len(reached) / 2)}
        if _lowest(study):
            advice += ", or at lower learning rates"
        yield Finding(CHECK, False, share, EARLY, said, advice, changes)
        return
    brought = _late_gain(study)
    longer = (
        share > LATE
        and winner.label not in SETTLED_LABELS
        and brought > max(SETTLED * study.gained, 2 * (study.late_noise or 0.0))
    )
    if longer:
        said += (
            f", and the last quarter of the training brought {brought / study.gained:.1%} of the "
            "total gain"
        )
        epochs = 2 * study.epochs
        advice = f"train longer: budget.epochs={epochs}"
        yield Finding(CHECK, False, share, LATE, said, advice, {"budget.epochs": epochs})
        return
    if share > LATE:
        said += ", but the loss had almost settled by then"
    yield Finding(CHECK, True, share, LATE, said, "")


def _late_gain(study: Audited) -> float:
    """The gain of the objective in the last quarter of the progress."""
    reached, turn = study.reached, max(1, study.curve.turn)
    return float(reached[:turn].min() - reached[turn:].min()) if turn < len(reached) else 0.0


def _lowest(study: Audited) -> bool:
    """Whether no trial with the winner's optimizer tried a lower learning rate."""
    winner = study.winner
    rates = [
        trial.learning_rate
        for trial in study.ended
        if winner is not None and trial.optimizer == winner.optimizer
    ]
    known = [rate for rate in rates if rate is not None]
    return bool(known) and winner is not None and min(known) == winner.learning_rate
