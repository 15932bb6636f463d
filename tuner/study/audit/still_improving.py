"""The winner should have got where it can: a training loss that still falls asks for more."""

from collections.abc import Iterator

from tuner.study.audit.late_noise import decay
from tuner.study.audited import Audited
from tuner.study.results import Finding
from tuner.training.curves import NONE, SETTLED

CHECK = "still improving"
# What the curves are called of which this can be said.
IMPROVING, STANDING = "slow", ("converged", "plateau")


def check(study: Audited) -> Iterator[Finding]:
    """The share of all that was gained that the last quarter of the training brought.

    The quarter is one of what the rates sum up to, not of the epochs: a schedule that ends at zero
    flattens every curve over time. The judgement is that of the curve's label, and the advice is
    the trial's own, as far as other trials agree with it (`tuner.search.advice`); under a constant
    rate a decaying one is to be tried as well.
    """
    winner, curve = study.winner, study.curve
    if winner is None or curve.epochs < 1 or not curve.gained > 0:
        return
    share = curve.late / curve.gained
    rates = ", weighted by its rates," if len(curve.learning_rate) else ""
    said = (
        f"the last quarter of the training{rates} brought trial {winner.number} {share:.1%}"
        " of its gain"
    )
    if winner.label in STANDING or winner.stops_at is not None:
        yield Finding(CHECK, True, share, SETTLED, said, "")
    elif winner.label == IMPROVING and share > SETTLED:
        changes = {"budget.epochs": 2 * study.epochs, **decay(study)}
        advice = "train longer" if winner.advice == NONE else winner.advice
        if decay(study):
            advice += ", and let the learning rate decay"
        yield Finding(CHECK, False, share, SETTLED, said, advice, changes)
