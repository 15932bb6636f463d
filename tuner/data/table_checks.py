"""Checks of a table before encoding, including the memory that wide columns take."""

from typing import Any

import numpy as np

from tuner.data import date_parts, memory
from tuner.data.encoding import BUCKETS, HASH, ONE_HOT, Encoding, is_thin
from tuner.data.kinds import WORDS, kind_of
from tuner.data.scaling import LARGEST
from tuner.data.source import Kinds
from tuner.errors import UserError, setting

LETTERS = 1000  # maximum length of a category
BLOCK = 1000  # columns checked at once
# Bytes per number of dense rows, and per non-zero of sparse rows, while encoding.
DENSE, SPARSE = 8.0, 24.0


def check(where: str, rows: Any, kinds: Kinds, encoding: Encoding) -> None:
    """Refuses a table that cannot be encoded as numbers; errors say what to change.

    Args:
        where: the config key and value that named the source.
        rows: a DataFrame.
        kinds: the kinds of its columns.
        encoding: the settings for categories and texts.

    Raises:
        UserError: a column holds neither numbers nor texts, or categories are so many that their
            columns would take more than half of the memory; the message names the column with the
            most.
    """
    encoding.check(kinds.words, kinds.texts)
    numbers = len(kinds.numbers) + len(kinds.levels) + len(kinds.dates) * date_parts.MOST
    _check_numbers(where, rows, list(kinds.numbers))
    for name in kinds.texts:
        _check_kind(where, name, rows[name].dropna(), {"string", "empty"})
    widths = {name: _width(where, name, rows[name], encoding) for name in kinds.words}
    width = numbers + sum(widths.values())
    filled = numbers + len(widths)
    each = SPARSE * filled if is_thin(width, filled) else DENSE * width
    mend = "exclude columns with many categories by data.exclude, or use fewer rows"
    if widths and (most := max(widths, key=lambda name: widths[name])):
        mend = (
            f"of {width} columns column {most} makes {widths[most]}; group rare ones by "
            f"data.min_count, give 'data.words={{{most}: hash}}', or leave it out with "
            f"{setting('data.exclude', [most])}"
        )
    memory.check(where, each * len(rows), mend)


def _width(where: str, name: str, column: Any, encoding: Encoding) -> int:
    """The number of output columns of a column of categories."""
    present, mend = column.dropna(), f"leave it out with {setting('data.exclude', [name])}"
    _check_kind(where, name, present, WORDS)
    counts = present.value_counts()
    longest = max((len(word) for word in counts.index if isinstance(word, str)), default=0)
    if longest > LETTERS:  # every value would take as much memory as the longest
        raise UserError(
            f"{where}: column {name} holds a text of {longest} characters; must be {LETTERS} "
            f"at most; give {setting('data.text', [name])} to read it as text, or {mend}"
        )
    method = encoding.of(name)
    if method == HASH:
        return encoding.buckets or BUCKETS
    if method != ONE_HOT:
        return 1
    least = encoding.min_count or 1
    return 1 + int((counts >= least).sum()) + (least > 1)


def _check_kind(where: str, name: str, present: Any, known: set[str]) -> None:
    kind = kind_of(present)
    if kind not in known:
        raise UserError(
            f"{where}: column {name} holds {kind} values; must be numbers, or text; leave it out "
            f"with {setting('data.exclude', [name])}"
        )


def _check_numbers(where: str, rows: Any, names: list[str]) -> None:
    for start in range(0, len(names), BLOCK):
        block = rows[names[start : start + BLOCK]]
        sizes = np.abs(block.to_numpy(dtype=np.float64, na_value=np.nan))
        if np.nanmax(sizes, initial=0.0) > LARGEST:
            place, column = (int(i) for i in np.argwhere(sizes > LARGEST)[0])
            row = block.index[place]
            said = "finite, or empty" if np.isinf(sizes[place, column]) else f"{LARGEST:g} at most"
            raise UserError(
                f"{where}: column {names[start + column]} holds {block.iloc[place, column]} in row "
                f"{row} (counted from 0); must be {said}; a gap is filled with the median"
            )
