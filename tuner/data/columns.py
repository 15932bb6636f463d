"""Tables as numbers: missing ones filled and scaled, words one column each."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import memory
from tuner.data.dates import is_date
from tuner.data.scaling import LARGEST, too_large, trainable, transformer
from tuner.errors import UserError

BLOCK = 16384  # rows turned to numbers at once
# So many different words tell rows apart rather than alike, if half of the rows has its own.
MANY = 100
LETTERS = 1000  # of a word
WIDE = 1000  # columns looked at together
# What pandas calls values that are one column each; "empty" is a column without any value.
WORDS = {"string", "boolean", "integer", "floating", "empty"}


@dataclass(frozen=True, eq=False)
class Columns:
    """A fitted scikit-learn ColumnTransformer of the raw table.

    Numbers: a missing one becomes the training part's median, and all are scaled. Words, and true
    and false: a column of 0 and 1 for each that the training part has, missing ones being a word
    of their own; a word that it has not is 0 in all of them.

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
        """What each of its columns stands for: a column of the table and, for words, the word."""
        named: list[tuple[str, Hashable]] = []
        for kind, made, columns in self.fitted.transformers_:
            if kind == "numbers":
                named += [(column, None) for column in columns]
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


def fit(rows: Any, chosen: np.ndarray, method: str) -> Columns:
    """Fit to the chosen rows of a table.

    Args:
        rows: a DataFrame that `check` has passed.
        chosen: numbers of the training rows.
        method: how columns of numbers are scaled, as in tuner.data.scaling.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    by_kind = kinds(rows)
    filled = SimpleImputer(strategy="median", keep_empty_features=True)
    numbers = Pipeline([("fill", filled), ("scale", transformer(method, len(chosen)))])
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, by_kind["numbers"]), ("words", words, by_kind["words"])]
    made = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)
    return Columns(made.fit(rows.iloc[chosen]), method)


def kinds(rows: Any) -> dict[str, list[str]]:
    """The columns of a DataFrame by what becomes of them: numbers or words."""
    made: dict[str, list[str]] = {"numbers": [], "words": []}
    for name, dtype in zip(rows.columns, rows.dtypes, strict=True):
        made["numbers" if dtype.kind in "iuf" else "words"].append(name)
    return made


def check(where: str, rows: Any) -> None:
    """Refuses a table that cannot be turned to numbers, and says the mend.

    Args:
        where: the config key and value that named the source.
        rows: a DataFrame.

    Raises:
        UserError: a column is neither numbers nor words, or its words tell rows apart, or words are
            so many that their columns would take more than half of the memory.
    """
    by_kind = kinds(rows)
    width, mend = len(by_kind["numbers"]), "leave it out with data.features"
    _check_numbers(where, rows, by_kind["numbers"])
    for name in by_kind["words"]:
        column = rows[name]
        if is_date(column):
            raise UserError(
                f"{where}: column {name} holds dates; give it as data.time to split by it, turn "
                f"it into numbers (as days since the first), or {mend}"
            )
        width += 1
        present = column.dropna()
        kind = _kind(present)
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
        if words > MANY and words > len(present) / 2:
            raise UserError(
                f"{where}: column {name} has {words} different words in {len(present)} rows, "
                f"which tell rows apart and not what they have in common; {mend}"
            )
    mend = "leave out columns of many words with data.features, or take fewer rows"
    memory.check(where, 8.0 * width * len(rows), mend)


def _check_numbers(where: str, rows: Any, names: list[str]) -> None:
    for start in range(0, len(names), WIDE):
        block = rows[names[start : start + WIDE]]
        sizes = np.abs(block.to_numpy(dtype=np.float64, na_value=np.nan))
        if np.nanmax(sizes, initial=0.0) > LARGEST:
            row, column = (int(i) for i in np.argwhere(sizes > LARGEST)[0])
            said = "finite, or empty" if np.isinf(sizes[row, column]) else f"{LARGEST:g} at most"
            raise UserError(
                f"{where}: column {names[start + column]} holds {block.iloc[row, column]} in row "
                f"{row} (counted from 0); must be {said}; a gap is filled with the median"
            )


def _kind(present: Any) -> str:
    """pandas' name for the kind of the values, or of the categories, of a column."""
    from pandas.api.types import infer_dtype

    values = present.cat.categories if hasattr(present, "cat") else present
    name: str = infer_dtype(values, skipna=True)
    return name


def _word(word: Any) -> Hashable:
    """nan, which is not equal to itself, as a name that is."""
    return ("missing",) if word is None or word != word else ("word", word)
