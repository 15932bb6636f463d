"""Halving: at each rung the better share of a cohort continues."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from tuner.search.pruners import Pruner, Rule


@dataclass(frozen=True)
class Halving(Pruner, Rule):
    """Lockstep successive halving (Jamieson & Talwalkar 2016) by the current value.

    At each rung the best share `keep` of the trials that passed the previous rung continues, at
    least one trial. The first rung is at the share `first_rung` of the epochs, each following one
    `1 / keep` times later. On ties, the lower number continues.

    Args:
        keep: the share of the trials that continues after a rung.
        first_rung: the share of the epochs at which trials are first compared.
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
