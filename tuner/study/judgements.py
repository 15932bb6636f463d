"""Judgements: the scores of a search's rows, and the errors that occurred instead."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tuner.search.runner import Row

# The rank of a row without a score in a race: below all rows with one.
UNSCORED = -1e30


class Judged(NamedTuple):
    """A scorer's result for an estimator: a number, and the traceback if it raised an error."""

    score: float
    error: str = ""

    @property
    def rank(self) -> float:
        """The score in the form that a race compares: finite."""
        return self.score if math.isfinite(self.score) else UNSCORED


@dataclass
class Judgements:
    """The latest judgement of every row, by candidate and fold.

    Attributes:
        judged: the scorer's results.
        failed: tracebacks of errors in training; such a candidate leaves with all its folds.
    """

    judged: dict[tuple[int, int], Judged] = field(default_factory=dict)
    failed: dict[tuple[int, int], str] = field(default_factory=dict)

    def judge(self, row: Row, judged: Judged) -> float:
        """Stores a row's judgement; returns its rank for the race."""
        self.judged[row.trial, row.fold] = judged
        return judged.rank

    def fail(self, row: Row, error: str) -> None:
        """Stores the error that training a row raised, if any."""
        if error:
            self.failed[row.trial, row.fold] = error

    def failure(self, trial: int) -> str:
        """The traceback of the first fold on which a candidate could not be trained, or ""."""
        return next((text for (number, _), text in self.failed.items() if number == trial), "")

    def unscored(self, trials: Mapping[int, str]) -> list[str]:
        """The distinct tracebacks among the latest scores of these candidates."""
        errors = [own.error for (number, _), own in self.judged.items() if number in trials]
        return [error for error in dict.fromkeys(errors) if error]
