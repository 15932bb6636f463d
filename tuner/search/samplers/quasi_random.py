"""Quasi-random settings: Sobol points, distributed evenly over the branches of a space.

A combination takes one option of each branch. At any time, the numbers of trials of two
combinations differ by at most one, and so do those of two options of a branch. Each combination has
its own scrambled Sobol sequence over all settings that are active in it (Sobol 1967; Owen 1998): of
its first 2**m points, one lies in each of 2**m equal parts of every range. Points that the
conditions of the space forbid or that were tried are skipped, and so are combinations without
untried settings.
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

# The user attribute with the index of a trial's point within its combination.
POINT = "point"


@dataclass(frozen=True)
class QuasiRandom(Sampler):
    """Sobol points, equally many in each branch, without those that were tried already."""

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
            # Combinations get equal shares: one that never had a trial is an error.
            never = before is None and not untried.none_of(sobol.part(place))
            if never or len(ended) == sobol.combinations:
                raise untried.space.impossible()


def dealt(index: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """The indices of the options that a trial takes, one per branch.

    In every block of as many trials as a branch has options, each of them comes once. In every
    block of as many trials as there are combinations, each of them comes once.

    Args:
        index: the index of the trial, from 0.
        sizes: the number of options of each branch.

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
        # The order of a branch's options is random.
        self.groups = {
            group: [str(option) for option in rng.permutation(options)]
            for group, options in space.branches.items()
            if len(options) > 1
        }
        self.sizes = [len(options) for options in self.groups.values()]

    @property
    def combinations(self) -> int:
        """The number of combinations."""
        return prod(self.sizes)

    def taken(self, index: int) -> dict[str, str]:
        """The options that trial `index` takes of groups with several options."""
        places = dealt(index, self.sizes)
        return {g: self.groups[g][place] for g, place in zip(self.groups, places, strict=True)}

    def part(self, index: int) -> Chosen:
        """The options that trial `index` takes of all groups."""
        taken, space = self.taken(index), self.space
        return {branch: taken.get(branch, space.fixed.get(branch)) for branch in space.branches}

    def untried(self, untried: Untried, index: int, start: int) -> Iterator[tuple[int, Chosen]]:
        """Untried settings of the combination of trial `index`, each with the index of its point.

        After TRIES points, all remaining settings follow if the combination has few.
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
        """The settings of the combination of trial `index`, from point `start` on."""
        taken = self.taken(index)
        own = self.space.within({**self.space.fixed, **taken})
        for point in points(len(own), (self.seed, *dealt(index, self.sizes)), start):
            values = taken | dict(zip(own, point, strict=True))

            def choose(path: str, setting: Setting, values: Chosen = values) -> Any:
                return values[path] if path in taken else setting.at(values[path])

            yield self.space.settings(choose)


def points(dimensions: int, seed: tuple[int, ...], start: int) -> Iterator[np.ndarray]:
    """The points of a scrambled Sobol sequence, from index `start` on."""
    from scipy.stats import qmc

    if not dimensions:
        yield from repeat(np.empty(0))
    sobol = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    if start:
        sobol.fast_forward(start)
    while True:
        yield sobol.random(1)[0]
