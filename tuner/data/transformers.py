"""Transformers of saved models that scikit-learn lacks; saved files name these classes."""

from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import RobustScaler, StandardScaler, TargetEncoder
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import check_is_fitted


class Robust(RobustScaler):  # type: ignore[misc]
    """Less the median, over the distance of the quartiles.

    Where the quartiles are one number, as of a column that is mostly 0, it is over the standard
    deviation: scikit-learn's would leave the other numbers as large as they are.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits to X (samples, features) without gaps; y is not used."""
        super().fit(X)
        X = np.asarray(X, np.float64)
        low, high = np.quantile(X, (0.25, 0.75), axis=0)
        if (same := low == high).any():
            self.scale_[same] = StandardScaler().fit(X[:, same]).scale_
        return self


class Hashed(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Words of each column spread over so many columns by their hashes: a 1 in one of them.

    It keeps no word, so that new ones have their places, too. Words that meet in a place look
    alike.

    Args:
        buckets: columns for each column of words.
    """

    def __init__(self, buckets: int = 256) -> None:
        self.buckets = buckets

    def fit(self, X: Any, y: Any = None) -> Self:
        """Notes how many columns X (samples, columns), a DataFrame, has; y is not used."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        """A sparse array (samples, columns * buckets) of 0 and 1; a gap is a word of its own."""
        check_is_fitted(self)
        samples, count = X.shape
        places = np.empty((samples, count), np.int32)
        for number in range(count):
            codes, words = X.iloc[:, number].factorize(use_na_sentinel=False)
            hashes = [
                murmurhash3_32(str(word) if word == word else "", positive=True)
                for word in (None if missing else word for word, missing in _marked(words))
            ]
            places[:, number] = np.array(hashes, np.int64)[codes] % self.buckets
        places += np.arange(count, dtype=np.int32) * self.buckets
        starts = np.arange(0, samples * count + 1, count)
        shape = (samples, count * self.buckets)
        return csr_array((np.ones(samples * count), places.ravel(), starts), shape=shape)


def _marked(words: Any) -> list[tuple[Any, bool]]:
    """Words, and whether each stands for a gap."""
    from pandas import isna

    return list(zip(words, isna(words), strict=True))


class TargetMeans(TargetEncoder):  # type: ignore[misc]
    """Words as what they tell of the target: its mean, drawn to that of all where rows are few.

    Unlike scikit-learn's, `fit_transform` is `fit` and then `transform`: tuner holds rows out by
    itself, whole groups where there are any.
    """

    def fit_transform(self, X: Any, y: Any) -> Any:
        """Fits and transforms the same rows, whose own targets are in what they become."""
        return self.fit(X, y).transform(X)


class Text(TfidfVectorizer):  # type: ignore[misc]
    """TF-IDF of one column of text, of which gaps are empty; see scikit-learn's TfidfVectorizer."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits to X (samples, 1), a DataFrame; y is not used."""
        super().fit(_texts(X))
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fits to X (samples, 1) and transforms it."""
        return super().fit_transform(_texts(X))

    def transform(self, X: Any) -> Any:
        """A sparse array (samples, words of the training)."""
        return super().transform(_texts(X))


def _texts(X: Any) -> list[str]:
    """The texts of the only column of a DataFrame."""
    column = X.iloc[:, 0]
    return [str(text) for text in column.astype(object).where(column.notna(), "")]
