"""Pruners: which trials of a cohort go on at a rung.

A pruner makes a rule for each cohort. All trials keep the schedule of their full length and rungs
lie at shares of it, so what is compared at a rung is comparable.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Rule(Protocol):
    """Who goes on in one cohort."""

    def rungs(self, epochs: int) -> list[int]:
        """Epochs after which trials are compared, all before the last one."""

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        """Numbers of the trials that go on after the rung of this epoch.

        values: current values (lower is better) by trial number; entered: how many trials there
        were after the rung before, those that left since included.
        """

    def why(self, survivors: int) -> str:
        """Why a trial was pruned where so many go on."""


class Pruner(Protocol):
    """A rule for every cohort of a study."""

    def size(self, cohort: int, most: int) -> int:
        """How many trials the cohort of this index (from 0) has, `most` at the most."""

    def rule(self, cohort: int) -> Rule:
        """The rule of the cohort of this index."""

    def learn(self, summaries: Sequence[Mapping[str, Any]]) -> None:
        """Hears how the trials of a cohort ended (`Outcome.summary`), cohort by cohort."""


class _Unlearning:
    """Cohorts as large as they may be, whatever became of those before."""

    def size(self, cohort: int, most: int) -> int:
        return most

    def learn(self, summaries: Sequence[Mapping[str, Any]]) -> None:
        return None


@dataclass(frozen=True)
class Halving(_Unlearning):
    """Lockstep successive halving (Jamieson & Talwalkar 2016) by the current value.

    At each rung the best `keep` of the trials that reached the rung before go on, at least one.
    The first rung lies at the share `first_rung` of the epochs, the next ones 1 / keep times later
    each. Ties go to the lower number.
    """

    keep: float = 0.5
    first_rung: float = 0.1

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


@dataclass(frozen=True)
class NoPruning(_Unlearning):
    """Every trial trains to the end, unless it diverges."""

    def rule(self, cohort: int) -> Rule:
        return self

    def rungs(self, epochs: int) -> list[int]:
        return []

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        return set(values)

    def why(self, survivors: int) -> str:
        return "never"


@dataclass(frozen=True)
class Hyperband(_Unlearning):
    """Hyperband (Li et al. 2018, algorithm 1), a bracket a cohort, one after another.

    eta is 1 / keep; R, in units of the shortest rung, is 1 / first_rung. Bracket s, from the
    largest s with eta^s <= R down to 0, starts with trials in proportion to eta^s / (s + 1), of
    which the best `keep` go on at the share eta^-s of the epochs, and so on: the first cohort is
    the largest and is judged earliest, the last one is small and is not pruned. Where the paper
    rounds numbers of survivors down, they are rounded up here, as in Halving.
    """

    keep: float = 1 / 3
    first_rung: float = 0.1

    @property
    def most(self) -> int:
        """The largest s."""
        return math.floor(math.log(self.first_rung) / math.log(self.keep) + 1e-6)

    def bracket(self, cohort: int) -> int:
        return self.most - cohort % (self.most + 1)

    def size(self, cohort: int, most: int) -> int:
        s = self.bracket(cohort)
        share = self.keep ** (self.most - s) * (self.most + 1) / (s + 1)
        return max(1, math.ceil(most * share - 1e-9))

    def rule(self, cohort: int) -> Rule:
        s = self.bracket(cohort)
        return Halving(self.keep, self.keep**s) if s else NoPruning()
