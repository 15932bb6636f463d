"""Halving: at each rung the better share of a cohort goes on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from tuner.search.pruners import Pruner, Rule


@dataclass(frozen=True)
class Halving(Pruner, Rule):
    """Lockstep successive halving (Jamieson & Talwalkar 2016) by the current value.

    At each rung the best `keep` of the trials that reached the rung before go on, at least one.
    The first rung lies at the share `first_rung` of the epochs, the next ones 1 / keep times later
    each. Ties go to the lower number.

    Args:
        keep: the share of the trials that a rung lets pass.
        first_rung: the share of the epochs at which trials are compared first.
    """

    fewest: ClassVar[int] = 2

    keep: Annotated[float, Field(gt=0, lt=1)] = 0.5
    first_rung: Annotated[float, Field(gt=0, lt=1)] = 0.1

    def rule(self, cohort: int) -> Rule:
        return self

    def rungs(self, epochs: int) -> list[int]:
        rungs, share = [], self.first_rung
        while (epoch := math.ceil(share * epochs - 1e-9)) < epochs:
            rungs.append(epoch)
            share = max(share / self.keep, (epoch + 1) / epochs)
        return rungs

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        ranked = sorted(values, key=lambda number: (values[number], number))
        return set(ranked[: max(1, math.ceil(self.keep * entered - 1e-9))])

    def why(self, survivors: int) -> str:
        return f"not among the best {survivors} of its cohort"
