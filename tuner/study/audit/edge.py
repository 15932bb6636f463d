"""Edge of stability: the winner should also train stably at twice its learning rate."""

from collections.abc import Iterator

from tuner.codec import Settings
from tuner.study.audited import Audited
from tuner.study.edge import rate_path
from tuner.study.results import Finding
from tuner.training import schedules

CHECK = "edge of stability"
# The winner must be stable at this multiple of its rate.
ENOUGH = 2
# The longest warmup to search, as a share of the training.
WARMUP = 0.2


def check(study: Audited) -> Iterator[Finding]:
    """The multiple of its rate at which the winner is stable, by short runs (`tuner.study.edge`).

    If a short run diverges at the rate itself, the check is silent, because short runs then do not
    represent the long one.
    """
    winner, runs = study.winner, study.edge
    if winner is None or not runs or runs[0].diverged:
        return
    fails = next((i for i, run in enumerate(runs) if run.diverged), len(runs))
    factor, rate = runs[fails - 1].factor, winner.learning_rate
    if fails == len(runs):
        said = f"short runs of trial {winner.number} are stable at {factor} times its learning rate"
        yield Finding(CHECK, True, factor, ENOUGH, said, "")
        return
    said = (
        f"a short run of trial {winner.number} diverges at {runs[fails].factor} times its learning "
        f"rate of {rate:.3g} ({runs[fails].diverged})"
    )
    if factor >= ENOUGH:
        yield Finding(CHECK, True, factor, ENOUGH, said, "")
        return
    changes = warmup(study)
    mend = "search a warmup of the learning rate" if changes else "warm up longer"
    advice = f"{mend}, clip gradients ({rate_path(winner)[:-2]}clip_norm), or use a lower rate"
    yield Finding(CHECK, False, factor, ENOUGH, said, advice, changes)


def warmup(study: Audited) -> Settings:
    """A search for a warmup if the winner's schedule supports one and has none."""
    assert study.winner is not None
    schedule = study.winner.schedule
    path = f"schedule.{schedule}.warmup_linear"
    if schedule not in schedules.names() or study.space.fixed.get(path) != 0:
        return {}
    return {path: {"low": 0.0, "high": WARMUP}}
