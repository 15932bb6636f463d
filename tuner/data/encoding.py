"""Encodings of categories and text as numbers, and the columns that each one applies to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.errors import UserError, did_you_mean

ONE_HOT, HASH, TARGET = "one_hot", "hash", "target"
METHODS = (ONE_HOT, HASH, TARGET)
BUCKETS = 256
# Rows with at least WIDE columns stay sparse if at most one number in THIN is not 0: this saves
# time per training step, and memory.
WIDE, THIN = 256, 16
# A word of a text needs this many rows; a word of one row only cannot help to predict others.
RARE = 2


@dataclass(frozen=True)
class Encoding:
    """Settings for columns of categories and of text; None is the default.

    Attributes:
        words: one of METHODS for all columns of categories, or by column; the others are one-hot.
        min_count: categories with fewer training rows share a column; such words of a text are left
            out.
        buckets: number of output columns of a hashed column.
        ngrams: the longest n-gram of words of a text that gets its own column.
    """

    words: str | Mapping[str, str] | None = None
    min_count: int | None = None
    buckets: int | None = None
    ngrams: int | None = None

    def of(self, column: str) -> str:
        """The method of a column of categories."""
        if self.words is None or isinstance(self.words, str):
            return self.words or ONE_HOT
        return self.words.get(column, ONE_HOT)

    def by_method(self, columns: Iterable[str]) -> dict[str, list[str]]:
        """Columns of categories by their methods, in the order of METHODS."""
        found: dict[str, list[str]] = {method: [] for method in METHODS}
        for column in columns:
            found[self.of(column)].append(column)
        return found

    @property
    def rare(self) -> int:
        """The number of rows that a word of a text must occur in."""
        return self.min_count or RARE

    def check(self, words: Sequence[str], texts: Sequence[str]) -> None:
        """Refuses settings without effect.

        Args:
            words, texts: the columns of categories and of text.

        Raises:
            UserError: a setting is invalid, or applies to no column.
        """
        given = self.words if isinstance(self.words, Mapping) else {}
        for column, method in given.items():
            if column not in words:
                hint = did_you_mean(column, list(words), 3)
                held = f"{', '.join(words[:12])}{', ...' if len(words) > 12 else ''}" or "none"
                raise UserError(
                    f"data.words: {column}: {hint}there is no such column of categories; the data "
                    f"have {held}"
                )
            _known(method)
        if isinstance(self.words, str):
            _known(self.words)
        used = self.by_method(words)
        _needs("words", self.words, words, "needs columns of categories, and the data have none")
        one_hot = [*used[ONE_HOT], *texts]
        said = "needs one-hot columns or text columns, and the data have none"
        _needs("min_count", self.min_count, one_hot, said)
        _needs("buckets", self.buckets, used[HASH], "needs data.words=hash")
        _needs("ngrams", self.ngrams, texts, "needs text columns: give data.text")


def _known(method: Any) -> None:
    if method not in METHODS:
        raise UserError(f"data.words: {method!r}: must be one of {', '.join(METHODS)}")


def _needs(key: str, value: Any, columns: Sequence[str], said: str) -> None:
    if value is not None and not columns:
        raise UserError(f"data.{key}: {value}: {said}; give null")


def is_thin(width: int, filled: float) -> bool:
    """Whether rows stay sparse; width: number of columns, filled: mean number of non-zeros."""
    return width >= WIDE and filled * THIN <= width
