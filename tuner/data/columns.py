"""Tables as numbers: missing ones filled and scaled, words one column each."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import date_parts, memory
from tuner.data.kinds import WORDS, kind_of
from tuner.data.scaling import LARGEST, too_large, trainable, transformer
from tuner.data.source import Kinds
from tuner.errors import UserError, setting

BLOCK = 16384  # rows turned to numbers at once
LETTERS = 1000  # of a word
WIDE = 1000  # columns looked at together


@dataclass(frozen=True, eq=False)
class Columns:
    """A fitted scikit-learn ColumnTransformer of the raw table.

    Numbers: a missing one becomes the training part's median, and all are scaled. Words, and true
    and false: a column of 0 and 1 for each that the training part has, missing ones being a word
    of their own; a word that it has not is 0 in all of them. Words in an order: their places, and
    dates: their parts (`tuner.data.date_parts`), filled and scaled as numbers are.

    Attributes:
        fitted: the ColumnTransformer.
        method: how columns of numbers are scaled.
        places: (columns,) where its columns stand among those of a wider layout, or None where they
            are the layout themselves.
        width: columns of that layout.
    """

    fitted: Any
    method: str
    places: np.ndarray | None = None
    width: int = 0

    @property
    def inputs(self) -> int:
        """Columns of what it makes."""
        return len(self.names) if self.places is None else self.width

    @property
    def names(self) -> list[tuple[str, Hashable]]:
        """What each of its columns stands for: a column of the table and, for words, the word, or
        for dates, the part."""
        named: list[tuple[str, Hashable]] = []
        for kind, made, columns in self.fitted.transformers_:
            if kind in ("numbers", "levels"):
                named += [(column, None) for column in columns]
            elif kind == "dates":
                for column, own in made.named_steps["parts"].kw_args["columns"].items():
                    named += [(column, ("part", part)) for part in date_parts.named(own["parts"])]
            elif kind == "words":
                for column, words in zip(columns, made.categories_, strict=True):
                    named += [(column, _word(word)) for word in words]
        return named

    def within(self, layout: "Columns") -> "Columns":
        """The same in the columns of a wider layout, whose other columns stay 0.

        So the folds, whose training parts may not have all words, are alike in shape; a column
        that is 0 in training and validation teaches nothing and tells nothing.
        """
        place = {name: number for number, name in enumerate(layout.names)}
        return replace(self, places=np.array([place[n] for n in self.names]), width=layout.inputs)

    def __call__(self, rows: Any, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen rows as numbers: (chosen, inputs), C-contiguous.

        Args:
            rows: a DataFrame like the one that it was fitted to.
            chosen: numbers of the rows.
            dtype: of the result.

        Raises:
            UserError: a number that is too large for training in this dtype.
        """
        made = np.zeros((len(chosen), self.inputs), dtype)
        places = slice(None) if self.places is None else self.places
        for start in range(0, len(chosen), BLOCK):
            block = self.fitted.transform(rows.iloc[chosen[start : start + BLOCK]])
            if not np.abs(block).max(initial=0.0) <= trainable(dtype):
                raise self._too_large(rows, chosen[start:], block, dtype)
            made[start : start + BLOCK, places] = block
        return made

    def _too_large(
        self, rows: Any, chosen: np.ndarray, block: np.ndarray, dtype: DTypeLike
    ) -> UserError:
        """What to tell of the first number that is too large in what was made of chosen rows."""
        row, place = np.argwhere(~(np.abs(block) <= trainable(dtype)))[0]
        name, scaled = self.names[place][0], block[row, place]
        value = rows[name].iloc[chosen[row]]
        where = f"data.scale: {self.method}"
        return too_large(where, value, scaled, f"column {name}", dtype)

    def transformer(self) -> Any:
        """The ColumnTransformer."""
        return self.fitted


def fit(rows: Any, chosen: np.ndarray, method: str, kinds: Kinds) -> Columns:
    """Fit to the chosen rows of a table.

    Args:
        rows: a DataFrame that `check` has passed.
        chosen: numbers of the training rows.
        method: how columns of numbers are scaled, as in tuner.data.scaling.
        kinds: what the columns hold.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

    def numbers(*steps: tuple[str, Any]) -> Any:
        filled = SimpleImputer(strategy="median", keep_empty_features=True)
        return Pipeline([*steps, ("fill", filled), ("scale", transformer(method, len(chosen)))])

    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    ordered = OrdinalEncoder(
        categories=[np.array(levels) for levels in kinds.levels.values()],
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    found = {n: date_parts.found(rows[n].iloc[chosen], first) for n, first in kinds.dates.items()}
    dates = FunctionTransformer(date_parts.numbers, kw_args={"columns": found})
    parts = [
        ("numbers", numbers(), list(kinds.numbers)),
        ("words", words, list(kinds.words)),
        ("levels", numbers(("places", ordered)), list(kinds.levels)),
        ("dates", numbers(("parts", dates)), list(kinds.dates)),
    ]
    made = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)
    return Columns(made.fit(rows.iloc[chosen]), method)


def check(where: str, rows: Any, kinds: Kinds) -> None:
    """Refuses a table that cannot be turned to numbers, and says the mend.

    Args:
        where: the config key and value that named the source.
        rows: a DataFrame.
        kinds: what its columns hold.

    Raises:
        UserError: a column is neither numbers nor words, or words are so many that their columns
            would take more than half of the memory.
    """
    width = len(kinds.numbers) + len(kinds.levels) + len(kinds.dates) * date_parts.MOST
    _check_numbers(where, rows, list(kinds.numbers))
    for name in kinds.words:
        width += 1
        present = rows[name].dropna()
        kind, mend = kind_of(present), f"leave it out with {setting('data.exclude', [name])}"
        if kind not in WORDS:
            raise UserError(
                f"{where}: column {name} holds {kind} values; must be numbers, or text; {mend}"
            )
        words = present.nunique()
        longest = max((len(word) for word in present.unique() if isinstance(word, str)), default=0)
        if longest > LETTERS:  # each would take as much as the longest
            raise UserError(
                f"{where}: column {name} holds a text of {longest} characters; must be {LETTERS} "
                f"at most; {mend}"
            )
        width += words
    mend = "leave out columns of many words with data.exclude, or take fewer rows"
    memory.check(where, 8.0 * width * len(rows), mend)


def _check_numbers(where: str, rows: Any, names: list[str]) -> None:
    for start in range(0, len(names), WIDE):
        block = rows[names[start : start + WIDE]]
        sizes = np.abs(block.to_numpy(dtype=np.float64, na_value=np.nan))
        if np.nanmax(sizes, initial=0.0) > LARGEST:
            place, column = (int(i) for i in np.argwhere(sizes > LARGEST)[0])
            row = block.index[place]
            said = "finite, or empty" if np.isinf(sizes[place, column]) else f"{LARGEST:g} at most"
            raise UserError(
                f"{where}: column {names[start + column]} holds {block.iloc[place, column]} in row "
                f"{row} (counted from 0); must be {said}; a gap is filled with the median"
            )


def _word(word: Any) -> Hashable:
    """nan, which is not equal to itself, as a name that is."""
    return ("missing",) if word is None or word != word else ("word", word)
