"""Table columns as numbers: missing values filled, numbers scaled, categories one-hot."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import date_parts
from tuner.data.encoding import BUCKETS, HASH, ONE_HOT, TARGET, Encoding, is_thin
from tuner.data.scaling import too_large, trainable, transformer
from tuner.data.source import Kinds
from tuner.data.splits import deal, share_groups
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.training.kernels.sparse import CSR

BLOCK = 16384  # rows encoded at once
LOOKED_AT = 2000  # rows that estimate the number of non-zeros
# Parts of scikit-learn's errors for texts that give no column.
NO_WORDS = ("empty vocabulary", "no terms remain", "documents than min_df")
CROSSED = 5  # folds of the training rows for cross-fitted target encoding


@dataclass(frozen=True, eq=False)
class Columns:
    """A fitted scikit-learn ColumnTransformer of the raw table.

    Numbers: missing values become the training part's median, then columns are scaled. Categories,
    and booleans: one-hot by the categories of the training part. A missing value is its own
    category; unseen categories encode as zeros. With a minimum count, rare categories share a
    column; unseen ones also use it if there is one. Categories may also be hashed or
    target-encoded.
    Ordered categories become their rank, and dates their parts (`tuner.data.date_parts`), filled
    and scaled like numbers. Texts: TF-IDF, with one column per word that is not rare.

    Attributes:
        fitted: the ColumnTransformer.
        method: how columns of numbers are scaled.
        filled: mean number of non-zeros per row, if X is sparse; None if it is dense.
        crossed: (training rows, columns) cross-fitted target encodings for the training rows: each
            is computed from other rows' targets, because a row's own target would leak into its
            encoding.
        own: those of its columns that are also in the layout, or None for all.
        places: their positions in a wider layout, or None if there is no other layout.
        width: number of columns of that layout.
    """

    fitted: Any
    method: str
    filled: float | None = None
    crossed: np.ndarray | None = None
    own: np.ndarray | None = None
    places: np.ndarray | None = None
    width: int = 0

    @property
    def inputs(self) -> int:
        """Number of columns of its output."""
        return len(self.names) if self.places is None else self.width

    @property
    def names(self) -> list[tuple[str, Hashable]]:
        """The meaning of each output column: a column of the table and, if any, the category."""
        named: list[tuple[str, Hashable]] = []
        for kind, made, columns in self.fitted.transformers_:
            named += _names(kind, made, columns)
        return named

    @property
    def widest(self) -> tuple[str, int]:
        """The column of the table with the most output columns, and their number."""
        return Counter(column for column, _ in self.names).most_common(1)[0]

    def within(self, layout: "Columns") -> "Columns":
        """The same encoder with the columns of a wider layout; the other columns stay 0.

        So all folds have the same shape, although a training part may lack some categories. A
        column that is 0 in training and validation has no effect. Rare categories that share a
        column here are 0 if the layout has no such column.
        """
        place = {name: number for number, name in enumerate(layout.names)}
        names = self.names
        own = np.array([i for i, name in enumerate(names) if name in place], np.int64)
        places = np.array([place[names[i]] for i in own], np.int32)
        filled = None if layout.filled is None else self.filled or layout.filled
        return replace(self, filled=filled, own=own, places=places, width=layout.inputs)

    def __call__(self, rows: Any, chosen: np.ndarray, dtype: DTypeLike) -> "np.ndarray | CSR":
        """The chosen rows as numbers: (chosen, inputs), C-contiguous, or sparse.

        Args:
            rows: a DataFrame like the one it was fitted to.
            chosen: numbers of the rows.
            dtype: of the result.

        Raises:
            UserError: a number that is too large for training in this dtype.
        """
        return self._assembled(rows, chosen, dtype, None)

    def training(self, rows: Any, chosen: np.ndarray, dtype: DTypeLike) -> "np.ndarray | CSR":
        """The same for the training rows that it was fitted to; it uses `crossed`."""
        return self._assembled(rows, chosen, dtype, self.crossed)

    def _assembled(
        self, rows: Any, chosen: np.ndarray, dtype: DTypeLike, crossed: np.ndarray | None
    ) -> "np.ndarray | CSR":
        made = None if self.filled is not None else np.zeros((len(chosen), self.inputs), dtype)
        places = slice(None) if self.places is None else self.places
        pieces = []
        for start in range(0, len(chosen), BLOCK):
            block = self._block(rows.iloc[chosen[start : start + BLOCK]], start, crossed)
            values = block.data if self.filled is not None else block
            if not np.abs(values).max(initial=0.0) <= trainable(dtype):
                raise self._too_large(rows, chosen[start:], block, dtype)
            block = block if self.own is None else block[:, self.own]
            if made is None:
                pieces.append((block.data.astype(dtype), block.indices.astype(np.int32), block))
            else:
                made[start : start + BLOCK, places] = block
        return self._sparse(pieces) if made is None else made

    def _block(self, some: Any, start: int, crossed: np.ndarray | None) -> Any:
        """Some rows in its own columns, not the layout's: dense or a SciPy CSR array, float64."""
        from scipy.sparse import csr_array, issparse

        block = self.fitted.transform(some)
        if self.filled is None:
            block = block.toarray() if issparse(block) else block
        else:
            block = csr_array(block)
        if crossed is None:
            return block
        told = crossed[start : start + len(some)]
        at = np.arange(block.shape[1])[self.fitted.output_indices_[TARGET]]
        if self.filled is None:
            block[:, at] = told
            return block
        kept = np.ones(block.shape[1])
        kept[at] = 0
        held = np.repeat(np.arange(len(told)), len(at)), np.tile(at, len(told))
        return block.multiply(kept).tocsr() + csr_array((told.ravel(), held), shape=block.shape)

    def _sparse(self, pieces: list[Any]) -> "CSR":
        from tuner.training.kernels.sparse import CSR

        counts = [np.diff(block.indptr) for _, _, block in pieces]
        starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        columns = np.concatenate([columns for _, columns, _ in pieces])
        if self.places is not None:
            columns = self.places[columns]
        values = np.concatenate([values for values, _, _ in pieces])
        return CSR(values, columns, starts.astype(np.int64), self.inputs)

    def _too_large(self, rows: Any, chosen: np.ndarray, block: Any, dtype: DTypeLike) -> UserError:
        """The error for the first number that is too large in a block of encoded rows."""
        dense = block if self.filled is None else block.toarray()
        row, place = np.argwhere(~(np.abs(dense) <= trainable(dtype)))[0]
        name, scaled = self.names[place][0], dense[row, place]
        value = rows[name].iloc[chosen[row]]
        where = f"data.scale: {self.method}"
        return too_large(where, value, scaled, f"column {name}", dtype)

    def transformer(self) -> Any:
        """The ColumnTransformer."""
        return self.fitted


def _names(kind: str, made: Any, columns: Sequence[str]) -> Iterator[tuple[str, Hashable]]:
    """The meanings of the columns that a part of a ColumnTransformer creates."""
    if kind in ("numbers", "levels"):
        yield from ((column, None) for column in columns)
    elif kind == "dates":
        for column, own in made.named_steps["parts"].kw_args["columns"].items():
            yield from ((column, ("part", part)) for part in date_parts.named(own["parts"]))
    elif kind == ONE_HOT:
        rare = getattr(made, "infrequent_categories_", [None] * len(columns))
        for column, words, few in zip(columns, made.categories_, rare, strict=True):
            left_out = set() if few is None else {_word(word) for word in few}
            yield from ((column, _word(w)) for w in words if _word(w) not in left_out)
            if left_out:
                yield column, ("rare",)
    elif kind == HASH:
        yield from ((column, ("hash", i)) for column in columns for i in range(made.buckets))
    elif kind == TARGET:
        count = len(made["scale"].mean_) // len(columns)
        yield from ((column, ("target", i)) for column in columns for i in range(count))
    elif kind.startswith("text"):
        yield from ((columns[0], ("text", word)) for word in made.get_feature_names_out())


def fit(
    rows: Any,
    chosen: np.ndarray,
    method: str,
    kinds: Kinds,
    encoding: Encoding | None = None,
    y: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Columns:
    """Fits to the chosen rows of a table.

    Args:
        rows: a DataFrame that passed `tuner.data.table_checks`.
        chosen: numbers of the training rows.
        method: how columns of numbers are scaled, as in tuner.data.scaling.
        kinds: the kinds of the columns.
        encoding: the settings for words and texts.
        y: (chosen,) targets of the rows, indices of classes or numbers; needed for target encoding.
        groups: (n,) groups of all rows, each of which must stay in one part, or None.

    Raises:
        UserError: a text column has no words that occur in several rows.
    """
    from scipy.sparse import csr_array
    from sklearn.compose import ColumnTransformer

    encoding, train = encoding or Encoding(), rows.iloc[chosen]
    made = ColumnTransformer(list(_parts(train, method, kinds, encoding, y)), sparse_threshold=1)
    try:
        made.fit(train, y)
    except ValueError as error:
        if not any(said in str(error) for said in NO_WORDS):
            raise
        raise UserError(
            f"data.text: {', '.join(kinds.texts)}: a training part has no word of two letters or "
            f"more that is in {encoding.rare} rows; give a column of text, or data.min_count"
        ) from error
    some = made.transform(train.iloc[:LOOKED_AT])
    width, filled = some.shape[1], csr_array(some).nnz / some.shape[0]
    # A saved model stores this flag: whether its rows are sparse.
    made.sparse_output_ = is_thin(width, filled)
    crossed = None
    if told := encoding.by_method(kinds.words)[TARGET]:
        assert y is not None
        own = None if groups is None else groups[chosen]
        crossed = _crossed(made.named_transformers_[TARGET], train[told], y, own)
    return Columns(made, method, filled if made.sparse_output_ else None, crossed)


def _parts(
    train: Any, method: str, kinds: Kinds, encoding: Encoding, y: np.ndarray | None
) -> Iterator[tuple[str, Any, list[str]]]:
    """The parts of a ColumnTransformer, not fitted: name, transformer, columns."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

    def numbers(*steps: tuple[str, Any]) -> Any:
        filled = SimpleImputer(strategy="median", keep_empty_features=True)
        return Pipeline([*steps, ("fill", filled), ("scale", transformer(method, len(train)))])

    words = encoding.by_method(kinds.words)
    if kinds.numbers:
        yield "numbers", numbers(), list(kinds.numbers)
    if words[ONE_HOT]:
        least = encoding.min_count
        unknown = "ignore" if least is None else "infrequent_if_exist"
        one_hot = OneHotEncoder(handle_unknown=unknown, min_frequency=least)
        yield ONE_HOT, one_hot, words[ONE_HOT]
    if kinds.levels:
        ordered = OrdinalEncoder(
            categories=[np.array(levels) for levels in kinds.levels.values()],
            handle_unknown="use_encoded_value",
            unknown_value=np.nan,
            encoded_missing_value=np.nan,
        )
        yield "levels", numbers(("places", ordered)), list(kinds.levels)
    if kinds.dates:
        found = {name: date_parts.found(train[name], day) for name, day in kinds.dates.items()}
        dates = FunctionTransformer(date_parts.numbers, kw_args={"columns": found})
        yield "dates", numbers(("parts", dates)), list(kinds.dates)
    if words[HASH] or words[TARGET] or kinds.texts:
        yield from _others(words, kinds.texts, encoding, y)


def _others(
    words: Mapping[str, list[str]], texts: Sequence[str], encoding: Encoding, y: np.ndarray | None
) -> Iterator[tuple[str, Any, list[str]]]:
    """The parts that need transformers from `tuner.data.transformers`."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from tuner.data.transformers import Hashed, TargetMeans, Text

    if words[HASH]:
        yield HASH, Hashed(encoding.buckets or BUCKETS), words[HASH]
    if words[TARGET]:
        assert y is not None
        classes = "binary" if y.max() < 2 else "multiclass"
        means = TargetMeans(target_type="continuous" if y.dtype.kind == "f" else classes)
        yield TARGET, Pipeline([("encode", means), ("scale", StandardScaler())]), words[TARGET]
    for number, column in enumerate(texts):
        longest = encoding.ngrams or 1
        text = Text(min_df=encoding.rare, sublinear_tf=True, ngram_range=(1, longest))
        yield f"text {number}", text, [column]


def _crossed(means: Any, words: Any, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Cross-fitted target means for training rows: from other rows' targets only.

    Args:
        means: the fitted part that encodes and scales.
        words: (rows, columns), a DataFrame.
        y: (rows,), as for `fit`.
        groups: (rows,) groups that are held out as a whole, or None.
    """
    from sklearn.base import clone

    strata = np.zeros(len(y)) if y.dtype.kind == "f" else y
    if groups is None:
        held_out = deal(strata, CROSSED, seed=0)
    else:
        parts = min(CROSSED, len(np.unique(groups)))
        held_out = share_groups(groups, strata, [1 / parts] * parts, seed=0)
    encoder, classes = means["encode"], means["encode"].classes_
    several = encoder.target_type_ == "multiclass"
    # If the other rows lack a class, its mean is 0.
    found = np.zeros((len(y), words.shape[1], len(classes) if several else 1))
    for held in held_out:
        others = np.setdiff1d(np.arange(len(y)), held)
        known = np.unique(y[others])
        if len(known) < 2:  # one class or none to encode by
            found[held] = known[0] if len(known) and not several else 0.0
            continue
        own = clone(encoder)
        if several and len(known) == 2:
            own.set_params(target_type="binary")
        made = own.fit(words.iloc[others], y[others]).transform(words.iloc[held])
        made = made.reshape(len(held), words.shape[1], -1)
        if several and len(known) == 2:
            made = np.concatenate([1 - made, made], axis=2)
        at = np.searchsorted(classes, known) if several else np.array([0])
        found[np.ix_(held, np.arange(words.shape[1]), at)] = made
    scaled: np.ndarray = means["scale"].transform(found.reshape(len(y), -1))
    return scaled


def _word(word: Any) -> Hashable:
    """A category as a key that equals itself, unlike nan."""
    return ("missing",) if word is None or word != word else ("word", word)
