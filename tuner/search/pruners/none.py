"""No pruning: every trial trains to the end, unless it diverges."""

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.search.pruners import Pruner, Rule


@dataclass(frozen=True)
class NoPruning(Pruner, Rule):
    """A rule without rungs."""

    def rule(self, cohort: int) -> Rule:
        return self

    def rungs(self, epochs: int) -> list[int]:
        return []

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        return set(values)

    def why(self, survivors: int) -> str:
        return "never"
