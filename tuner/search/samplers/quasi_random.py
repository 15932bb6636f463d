"""Quasi-random settings: Sobol points, dealt out evenly over the branches of a space.

A combination takes one option of each branch. Whatever the number of trials, two combinations
differ by one trial at the most, and so do two options of a branch. The points of a combination, in
all that is searched where its options are taken, are a scrambled Sobol sequence of its own (Sobol
1967; Owen 1998): of its first 2**m points, one lies in each of 2**m equal parts of every range.
Points that the conditions of the space forbid, or that were tried, are passed over, and so are
combinations of which nothing is left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, repeat
from math import lcm, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.search.proposals import PLACE, placed
from tuner.search.samplers import Sampler
from tuner.search.space import TRIES, Chosen, Setting, Space
from tuner.search.untried import FEW, Untried

if TYPE_CHECKING:
    import optuna

# Under which a trial keeps the number of its point in its combination.
POINT = "point"


@dataclass(frozen=True)
class QuasiRandom(Sampler):
    """Sobol points, as many in each branch: the next that is left of the combination due."""

    def propose(self, study: "optuna.Study", untried: Untried, seed: int) -> None:
        sobol, (first, places) = Points(untried.space, seed), placed(study)
        ended: set[tuple[int, ...]] = set()
        for place in (p for p in count(first) if p not in places):
            own = dealt(place, sobol.sizes)
            if own in ended:
                continue
            before = places.get(place - sobol.combinations)
            start = before.user_attrs[POINT] + 1 if before else 0
            if found := next(sobol.untried(untried, place, start), None):
                point, settings = found
                kept = {PLACE: place, POINT: point}
                study.add_trial(untried.space.trial(settings, kept))
                return
            ended.add(own)
            # Equal shares are promised: that a combination never had a trial is said.
            never = before is None and not untried.none_of(sobol.part(place))
            if never or len(ended) == sobol.combinations:
                raise untried.space.impossible()


def dealt(index: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """The options that a trial takes, one of each branch.

    Every number of a branch comes once in each run of as many trials, and every combination once
    in each run of as many as there are.

    Args:
        index: the trial's, from 0.
        sizes: how many options each branch has.

    >>> [dealt(i, (2, 2)) for i in range(4)]
    [(0, 0), (1, 1), (0, 1), (1, 0)]
    """
    options, period = [], 1
    for size in sizes:
        place = index % (period * size)
        options.append((place + place // lcm(period, size)) % size)
        period *= size
    return tuple(options)


class Points:
    """The quasi-random settings of a space and a seed."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed
        rng = np.random.default_rng(seed)
        # Which option of a branch comes first is chance.
        self.groups = {
            group: [str(option) for option in rng.permutation(options)]
            for group, options in space.branches.items()
            if len(options) > 1
        }
        self.sizes = [len(options) for options in self.groups.values()]

    @property
    def combinations(self) -> int:
        """How many there are."""
        return prod(self.sizes)

    def taken(self, index: int) -> dict[str, str]:
        """The options that trial `index` takes of the groups that have several."""
        places = dealt(index, self.sizes)
        return {g: self.groups[g][place] for g, place in zip(self.groups, places, strict=True)}

    def part(self, index: int) -> Chosen:
        """The options that trial `index` takes of all groups."""
        taken, space = self.taken(index), self.space
        return {branch: taken.get(branch, space.fixed.get(branch)) for branch in space.branches}

    def untried(self, untried: Untried, index: int, start: int) -> Iterator[tuple[int, Chosen]]:
        """What is left of the combination that trial `index` takes, each with its point.

        After many points come those that no point has met, where the combination has few.
        """
        taken = self.taken(index)
        part = {
            branch: taken.get(branch, self.space.fixed.get(branch))
            for branch in self.space.branches
        }
        if untried.none_of(part):
            return
        for point, settings in enumerate(islice(self.settings(index, start), TRIES), start):
            if untried(settings):
                yield point, settings
        if self.space.size_of(part) <= FEW:
            yield from ((start, settings) for settings in untried.of(part))

    def settings(self, index: int, start: int = 0) -> Iterator[Chosen]:
        """The settings of the combination that trial `index` takes, from the start-th on."""
        taken = self.taken(index)
        own = self.space.within({**self.space.fixed, **taken})
        for point in points(len(own), (self.seed, *dealt(index, self.sizes)), start):
            values = taken | dict(zip(own, point, strict=True))

            def choose(path: str, setting: Setting, values: Chosen = values) -> Any:
                return values[path] if path in taken else setting.at(values[path])

            yield self.space.settings(choose)


def points(dimensions: int, seed: tuple[int, ...], start: int) -> Iterator[np.ndarray]:
    """The points of a scrambled Sobol sequence from the start-th on."""
    from scipy.stats import qmc

    if not dimensions:
        yield from repeat(np.empty(0))
    sobol = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    if start:
        sobol.fast_forward(start)
    while True:
        yield sobol.random(1)[0]
