"""Divergence: few trials should diverge, and no rates be searched at which all of them do."""

from collections.abc import Iterator, Sequence

from tuner.codec import Settings
from tuner.search.ranges import Choices, Range, Setting
from tuner.search.trials import TrialResult
from tuner.study.audited import Audited
from tuner.study.results import Finding

CHECK = "divergence"
# Too many trials diverge if they are more than this share of an optimizer's trials.
MANY = 0.1
# With fewer trials no share is reported, unless all of them diverged.
FEWEST = 5
# If all trials diverged, the advice is to search below the lowest rate divided by this.
LOWER = 10.0
# The width of the advised range if the rate was fixed: high over low.
WIDTH = 1000.0


def check(study: Audited) -> Iterator[Finding]:
    """Says for each optimizer whether too many trials diverged, and above which rate all do.

    The advised upper bound is the lowest diverged rate above which nothing was stable. If all
    trials diverged, it is a tenth of their lowest rate, and the lower bound moves with it.
    """
    for optimizer in dict.fromkeys(trial.optimizer for trial in study.ended):
        own = [trial for trial in study.ended if trial.optimizer == optimizer]
        lost = [trial for trial in own if trial.state == "DIVERGED"]
        if len(own) < FEWEST and len(lost) < len(own):
            continue
        share, above = len(lost) / len(own), wall(study, optimizer)
        whose = f" of {optimizer}" if optimizer else ""
        said = f"{len(lost)} of {len(own)} trials{whose} diverged"
        if above is not None and len(lost) < len(own):
            said += f", and all trials with a learning rate of {above:.3g} or more"
        if share <= MANY:
            yield Finding(CHECK, True, share, MANY, said, "")
            continue
        advice, changes = _mend(study, own, lost, above)
        yield Finding(CHECK, False, share, MANY, said, advice, changes)


def wall(study: Audited, optimizer: str | None) -> float | None:
    """The lowest diverged learning rate above which no trial was stable.

    None if there are no learning rates, or the highest rate was stable.
    """
    own = [t for t in study.ended if t.optimizer == optimizer and t.learning_rate is not None]
    stable = [t.learning_rate or 0.0 for t in own if t.state != "DIVERGED"]
    lost = [t.learning_rate or 0.0 for t in own if t.state == "DIVERGED"]
    return min((rate for rate in lost if rate > max(stable, default=0.0)), default=None)


def _mend(
    study: Audited,
    own: Sequence[TrialResult],
    lost: Sequence[TrialResult],
    above: float | None,
) -> tuple[str, Settings]:
    """The advice, and the changes for the next round."""
    path = next((trial.rate_path for trial in own if trial.rate_path), None)
    searched = study.rate(path)
    if above is None or path is None:
        if path is None:
            return "try gentler settings", {}
        ways = "clip gradients, warm up or make smaller steps"
        return f"the learning rate is not the cause: {ways}", {}
    if any(_stable_above(trial, path, above) for trial in study.ended):
        # Another branch of the user function shares this setting and is stable at such rates.
        return f"give {own[0].optimizer} a learning rate of its own, below {above:.3g}", {}
    if len(lost) == len(own):
        high = float(f"{above / LOWER:.2g}")
        return f"search learning rates below {high:g}", {path: _below(searched, high)}
    if isinstance(searched, Choices):
        options = [rate for rate in searched.options if rate < above]
        return f"leave out rates of {above:.3g} or more", {path: {"choices": options}}
    if not isinstance(searched, Range):
        return f"use a learning rate below {above:.3g}", {}
    stable = max((t.learning_rate or 0.0 for t in own if t.state != "DIVERGED"), default=0.0)
    high = next(n for d in range(3, 18) if (n := float(f"{above:.{d}g}")) > stable)
    if not searched.low < high < searched.high:
        return f"lower the learning rates: {path}.low", {}
    return f"narrow the range: {path}.high={high:g}", {f"{path}.high": high}


def _stable_above(trial: TrialResult, path: str, rate: float) -> bool:
    """Whether a trial was stable at this rate, or a higher one, of the same path."""
    own = trial.learning_rate if trial.rate_path == path else None
    return own is not None and own >= rate and trial.state != "DIVERGED"


def _below(searched: Setting | None, high: float) -> Settings:
    """A range of rates that ends at `high` and is as wide as the searched one."""
    width = WIDTH
    if isinstance(searched, Range) and searched.low > 0:
        width = max(searched.high / searched.low, LOWER)
    return {"low": float(f"{high / width:.2g}"), "high": high, "scale": "log"}
