"""The winner's learning rate should not sit at the edge of stability: twice the rate must train."""

from collections.abc import Iterator

from tuner.codec import Settings
from tuner.study.audited import Audited
from tuner.study.edge import rate_path
from tuner.study.results import Finding
from tuner.training import schedules

CHECK = "edge of stability"
# The winner must bear so many times its rate.
ENOUGH = 2
# A share of the training to search a warmup in.
WARMUP = 0.2


def check(study: Audited) -> Iterator[Finding]:
    """How many times its rate the winner bears, by short runs (`tuner.study.edge`).

    Nothing is said where a short run diverges at the rate itself, for it then does not stand for
    the long one.
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
    """A search for a warmup, where the winner's schedule has none and takes one."""
    assert study.winner is not None
    schedule = study.winner.schedule
    path = f"schedule.{schedule}.warmup_linear"
    if schedule not in schedules.names() or study.space.fixed.get(path) != 0:
        return {}
    return {path: {"low": 0.0, "high": WARMUP}}
