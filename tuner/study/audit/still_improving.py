"""Still improving: a winner whose training loss still falls at the end should train longer."""

from collections.abc import Iterator

from tuner.study.audit.late_noise import decay
from tuner.study.audited import Audited
from tuner.study.results import Finding
from tuner.training.curves import NONE, SETTLED

CHECK = "still improving"
# The labels of curves that still improve, and that do not.
IMPROVING, STANDING = "slow", ("converged", "plateau")


def check(study: Audited) -> Iterator[Finding]:
    """The share of the total gain that the last quarter of the training brought.

    The quarter is measured by the sum of the learning rates, not by epochs, because a schedule that
    ends at zero flattens every curve over time. The judgement is that of the curve's label, and the
    advice is the trial's own, as far as other trials agree with it (`tuner.search.advice`). With a
    constant rate, the advice is to try a decaying one as well.
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
