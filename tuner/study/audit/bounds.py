"""Bounds: the best values should not lie at the bounds of the search."""

from collections.abc import Iterator

from tuner.search.ranges import Choices
from tuner.study.audit.divergence import wall
from tuner.study.audited import Audited
from tuner.study.bounds import bound, domain_of, moved, ordered, place
from tuner.study.results import Finding

CHECK = "bounds"
# A value is near a bound if it lies within this share of the range, on its scale.
NEAR = 0.1
# This many of the best trials near one bound count as much as the best trial itself.
SEVERAL = 2
# Fewer trials do not show where good values lie.
FEWEST = 5


def check(study: Audited) -> Iterator[Finding]:
    """Looks for searched numbers at whose bounds the best trial, or two of the top five, lie.

    The best trial is the winner or, for a setting that the winner does not have, the best trial
    with that setting. There is no advice to move a bound at the limit of the setting's domain, nor
    one of learning rates beyond which all trials diverged.

    For a setting without effect, the best values lie near a bound by chance in 28 % of simulated
    studies. For one that clearly matters and has its best value in the middle of the range, the
    check is wrong in less than 1 %.
    """
    distances = []
    for path in study.space.searched:
        finding = _look(study, path)
        if isinstance(finding, Finding):
            yield finding
        elif finding is not None:
            distances.append(finding)
    if distances:
        least = min(distances)
        yield Finding(
            CHECK, True, least, NEAR,
            f"the best values are at least {least:.0%} of their range away from each bound", "",
        )  # fmt: skip


def _look(study: Audited, path: str) -> Finding | float | None:
    """The finding on one setting; its distance from the bounds if all is well; None if unknown."""
    setting = study.space.searched[path]
    tops = study.top_with(path)
    tried = [trial for trial in study.ended if path in trial.settings]
    domain = None if path in study.space.branches else domain_of(path, study.space.fixed, setting)
    if domain is None or not tops or len(tried) < FEWEST:
        return None
    winner = study.winner
    best = winner if winner is not None and path in winner.settings else tops[0]
    places = [place(setting, trial.settings[path]) for trial in (best, *tops)]
    known = [p for p in places if p is not None]
    if len(known) < len(places):
        return None
    first, rest = known[0], known[1:]
    near = {upper: sum(_away(p, upper) <= NEAR for p in rest) for upper in (False, True)}
    upper = first > 0.5
    if _away(first, upper) > NEAR:
        upper = near[True] > near[False]
        if near[upper] < SEVERAL:
            return min(first, 1 - first)
    new = moved(setting, upper, domain)
    if new is None or (upper and _beyond_lies_divergence(study, path)):
        return None
    end, old = ("upper" if upper else "lower"), bound(setting, upper)
    if _away(first, upper) <= NEAR:
        number = _away(first, upper)
        subject = f"trial {best.number} has {path} = {best.settings[path]:.4g}"
    else:
        number = sorted(_away(p, upper) for p in rest)[SEVERAL - 1]
        subject = f"{near[upper]} of the best {len(tops)} trials have {path}"
    said = f"{subject}, within {NEAR:.0%} of the {end} bound of the searched range, {old:g}"
    if isinstance(setting, Choices):
        return Finding(
            CHECK, False, number, NEAR, said, f"search {new:g} as well", {path: _with(setting, new)}
        )
    key = f"{path}.{'high' if upper else 'low'}"
    return Finding(
        CHECK, False, number, NEAR, said, f"move the bound to {new:g}: {key}={new:g}", {key: new}
    )


def _away(share: float, upper: bool) -> float:
    """The distance from a bound of a place between both bounds (0 to 1)."""
    return 1 - share if upper else share


def _with(choices: Choices, new: float) -> dict[str, list[float]]:
    return {"choices": sorted([*ordered(choices), new])}


def _beyond_lies_divergence(study: Audited, path: str) -> bool:
    """Whether the path is a learning rate whose highest values all diverged."""
    whose = {trial.optimizer for trial in study.ended if trial.rate_path == path}
    return any(wall(study, optimizer) is not None for optimizer in whose)
