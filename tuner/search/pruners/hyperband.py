"""Hyperband: cohorts take turns: some are halved early, some later, some not at all."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from tuner.search.pruners import Pruner, Rule
from tuner.search.pruners.halving import Halving
from tuner.search.pruners.none import NoPruning


@dataclass(frozen=True)
class Hyperband(Pruner):
    """Hyperband (Li et al. 2018, algorithm 1), with one bracket per cohort, in turn.

    eta is 1 / keep; R, in units of the shortest rung, is 1 / first_rung. Bracket s, from the
    largest s with eta^s <= R down to 0, starts with trials in proportion to eta^s / (s + 1). The
    best share `keep` of them continues at the share eta^-s of the epochs, and so on. So the first
    cohort is the largest and is judged earliest; the last one is small and is not pruned. The paper
    rounds numbers of survivors down; here they are rounded up, as in Halving.
    """

    fewest: ClassVar[int] = 2

    keep: Annotated[float, Field(gt=0, lt=1)] = 1 / 3
    first_rung: Annotated[float, Field(gt=0, lt=1)] = 0.1

    @property
    def most(self) -> int:
        """The largest s of a bracket."""
        return math.floor(math.log(self.first_rung) / math.log(self.keep) + 1e-6)

    def bracket(self, cohort: int) -> int:
        """The bracket s of a cohort."""
        return self.most - cohort % (self.most + 1)

    def size(self, cohort: int, most: int) -> int:
        s = self.bracket(cohort)
        share = self.keep ** (self.most - s) * (self.most + 1) / (s + 1)
        return max(1, math.ceil(most * share - 1e-9))

    def rule(self, cohort: int) -> Rule:
        s = self.bracket(cohort)
        return Halving(self.keep, self.keep**s) if s else NoPruning()
