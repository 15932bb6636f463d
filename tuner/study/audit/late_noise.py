"""Late noise: the noise of the last epochs should be smaller than the gaps between top trials."""

from collections.abc import Iterator

from tuner.codec import Settings
from tuner.search.trials import TrialResult
from tuner.study.audited import Audited
from tuner.study.results import Finding

CHECK = "late noise"
# The last number of a curve is uncertain by this many standard deviations of its noise.
DEVIATIONS = 2.0
# With fewer top trials, their gap says little.
FEWEST = 3


def check(study: Audited) -> Iterator[Finding]:
    """Compares twice the deviation from epoch to epoch with the gap between the best and fifth.

    If the noise is larger, one epoch more or less would have changed the ranking of the top trials.
    Trials with textbook settings, which are mostly far off, are left out.

    The deviation is estimated from few epochs. In simulated studies of 16 to 200 epochs, a noise of
    half the threshold is called too large in at most 7 %, one of twice the threshold in at least
    87 %.
    """
    noise = study.late_noise
    values = [t.value for t in study.top if t.value is not None and not t.is_default]
    if study.winner is None or noise is None or len(values) < FEWEST:
        return
    doubt, gap = DEVIATIONS * noise, values[-1] - values[0]
    said = (
        f"late in the training, trial {study.winner.number} moves by {noise:.2g} from epoch to "
        f"epoch; the best {len(values)} trials lie within {gap:.2g}"
    )
    if doubt <= gap:
        yield Finding(CHECK, True, doubt, gap, said, "")
        return
    changes = decay(study)
    yield Finding(CHECK, False, doubt, gap, said, _mend(study.winner, bool(changes)), changes)


def _mend(winner: TrialResult, may_decay: bool) -> str:
    """The advice, as far as it applies to the winner."""
    if winner.rate_path is None and winner.schedule is None:
        return "average over the last epochs, make smaller steps late, or take larger batches"
    ways = "average the parameters or take larger batches"
    if winner.schedule is None:
        return f"let the learning rate decay, {ways}"
    if "optimizer" in winner.settings:
        ways = "average the parameters (ema) or take larger batches"
    return f"let {'the learning rate decay' if may_decay else 'it decay further'}, {ways}"


def decay(study: Audited) -> Settings:
    """A decaying schedule to add if only the constant schedule was searched."""
    if study.winner is None or study.winner.schedule != "constant":
        return {}
    if study.space.branches.get("schedule") != ("constant",):
        return {}
    return {"schedule.cosine": {"final": 0.0}}
