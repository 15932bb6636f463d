"""Judgements: the scores of a search's rows, and the errors that replaced them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tuner.search.runner import Row

# Where a race must rank a row that has no score: below all that have one.
UNSCORED = -1e30


class Judged(NamedTuple):
    """What a scorer said of an estimator: a number, and the traceback if it raised an error."""

    score: float
    error: str = ""

    @property
    def rank(self) -> float:
        """The score as a race compares it, finite."""
        return self.score if math.isfinite(self.score) else UNSCORED


@dataclass
class Judgements:
    """The last word on every row, by its candidate and fold.

    Attributes:
        judged: by the scorer.
        failed: tracebacks of what training raised; the candidate then leaves as a whole.
    """

    judged: dict[tuple[int, int], Judged] = field(default_factory=dict)
    failed: dict[tuple[int, int], str] = field(default_factory=dict)

    def judge(self, row: Row, judged: Judged) -> float:
        """Keeps what was said of a row; returns it as a race compares it."""
        self.judged[row.trial, row.fold] = judged
        return judged.rank

    def fail(self, row: Row, error: str) -> None:
        """Keeps that training a row raised an error, if it did."""
        if error:
            self.failed[row.trial, row.fold] = error

    def failure(self, trial: int) -> str:
        """The traceback of a candidate that could not be trained on some fold, or ""."""
        return next((text for (number, _), text in self.failed.items() if number == trial), "")

    def unscored(self, trials: Mapping[int, str]) -> list[str]:
        """The tracebacks of the last scores of these candidates, each of them once."""
        errors = [own.error for (number, _), own in self.judged.items() if number in trials]
        return [error for error in dict.fromkeys(errors) if error]
