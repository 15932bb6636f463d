"""Numerals: numbers with decimal commas or thousands separators."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.errors import UserError

DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'", "\u2019", "\u00a0", "\u202f")


@dataclass(frozen=True)
class Marks:
    """The decimal mark, and the separator of groups of three digits ("" for none)."""

    decimal: str
    thousands: str

    @property
    def pattern(self) -> str:
        """The regular expression of a number with these marks."""
        between, before = re.escape(self.thousands), re.escape(self.decimal)
        grouped = rf"|\d{{1,3}}(?:{between}\d{{3}})+" if self.thousands else ""
        return rf"[+-]?(?:(?:\d+{grouped})(?:{before}\d*)?|{before}\d+)(?:[eE][+-]?\d+)?"

    def fit(self, texts: Any) -> bool:
        """Whether each text that is not missing is a number with these marks."""
        present = texts.dropna()
        # Check the first texts alone before all: most columns of words fail there.
        return bool(
            present.head(100).str.fullmatch(self.pattern).all()
            and present.str.fullmatch(self.pattern).all()
        )

    def numbers(self, texts: Any) -> Any:
        """Converts a pandas Series of such texts to float64; missing ones become nan."""
        plain = texts.str.replace(self.thousands, "", regex=False) if self.thousands else texts
        return plain.str.replace(self.decimal, ".", regex=False).astype("float64")

    @property
    def example(self) -> str:
        """An example of a number with these marks."""
        return f"1{self.thousands}234{self.decimal}5"


PLAIN = Marks(".", "")


def written(texts: Any) -> Any:
    """Whether each text is a number, with any marks: a boolean pandas Series."""
    found = texts.str.fullmatch(PLAIN.pattern)
    for decimal in DECIMALS:
        for thousands in THOUSANDS:
            if decimal != thousands:
                found |= texts.str.fullmatch(Marks(decimal, thousands).pattern)
    return found.astype(bool)


def check_marks(decimal: str | None, thousands: str | None) -> None:
    """Checks marks from the config.

    Raises:
        UserError: a mark is not allowed, or both are the same.
    """
    for key, given, known in (
        ("decimal", decimal, DECIMALS),
        ("thousands", thousands, THOUSANDS),
    ):
        if given is not None and given not in known:
            said = " ".join(repr(mark) for mark in known)
            raise UserError(f"data.{key}: {given!r}: must be one of {said}, or null to look")
    if decimal is not None and decimal == thousands:
        raise UserError(f"data.thousands: {thousands!r}: is data.decimal too; give another")


def found(
    words: Mapping[str, Any],
    fractions: Mapping[str, Any],
    decimal: str | None,
    thousands: str | None,
) -> Marks:
    """The marks of all numbers in a table.

    All columns of numbers with some marks must agree on them. Without such a column the marks are a
    decimal point and no separator.

    Args:
        words: columns of text that hold no plain numbers, by name.
        fractions: columns of plain numbers with a point, as texts; the point may be a thousands
            separator.
        decimal, thousands: marks from the config, or None to infer them.

    Raises:
        UserError: the columns disagree, or a number is ambiguous.
    """
    possible = [
        Marks(d, t)
        for d in (DECIMALS if decimal is None else (decimal,))
        for t in (THOUSANDS if thousands is None else (thousands,))
        if d != t
    ]
    fitting = {name: [m for m in possible if m.fit(texts)] for name, texts in words.items()}
    fitting = {name: marks for name, marks in fitting.items() if marks}
    if not fitting and PLAIN in possible:
        return PLAIN
    for name, texts in fractions.items():
        fitting[name] = [marks for marks in possible if marks.fit(texts)]
    left, before = possible, ""
    for name, marks in fitting.items():
        both = [m for m in left if m in marks]
        if not both:
            seen = {**words, **fractions}
            other = f" and column {before} {_first(seen[before])!r}" if before else ""
            raise UserError(
                f"data.decimal: column {name} holds {_first(seen[name])!r}{other}, which are not "
                "written alike; give the mark before the fraction, '.' or ','"
                if decimal is None
                else f"data.decimal: {decimal}: column {name} holds {_first(seen[name])!r}{other}, "
                "which are not numbers that are written so"
            )
        left, before = both, name
    if len({m.decimal for m in left}) > 1 and before:
        text = _first({**words, **fractions}[before])
        raise UserError(
            f"data.decimal: column {before} holds {text!r}, which may be a fraction or thousands; "
            f"""give "data.decimal='.'" or "data.decimal=','\""""
        )
    return left[0]


def _first(texts: Any) -> str:
    """The first text with a mark, else the first text."""
    present = texts.dropna()
    marked = present[~present.str.fullmatch(r"[+-]?\d+")]
    return str((marked if len(marked) else present).iloc[0])
