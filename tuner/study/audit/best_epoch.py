"""The winner's best epoch tells the length: at the very end it is too short, at once too long."""

import math
from collections.abc import Iterator

import numpy as np

from tuner.study.audited import Audited
from tuner.study.results import Finding
from tuner.training.curves import SETTLED

CHECK = "best epoch"
# Too long, and too short, by the best epoch's share of all.
EARLY, LATE = 0.1, 0.75
# Of shorter trainings a tenth is less than an epoch.
FEWEST = 10
# Labels of curves whose own advice speaks against training longer.
SETTLED_LABELS = ("converged", "overfitting")


def check(study: Audited) -> Iterator[Finding]:
    """Where the best epoch of what is minimised lies.

    A winner that is stopped at its best epoch needs no advice.

    Late alone is no fault: most curves end at their lowest. It is one if the last quarter, measured
    by how much the rate had left to give (`Curve.progress`), brought more than 1 % of what was
    gained, and more than twice the noise from epoch to epoch; and if the training loss had not
    settled.
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
    """What the last quarter of the progress brought of what is minimised."""
    reached, turn = study.reached, max(1, study.curve.turn)
    return float(reached[:turn].min() - reached[turn:].min()) if turn < len(reached) else 0.0


def _lowest(study: Audited) -> bool:
    """Whether no trial alike in its optimizer tried a lower rate than the winner."""
    winner = study.winner
    rates = [
        trial.learning_rate
        for trial in study.ended
        if winner is not None and trial.optimizer == winner.optimizer
    ]
    known = [rate for rate in rates if rate is not None]
    return bool(known) and winner is not None and min(known) == winner.learning_rate
