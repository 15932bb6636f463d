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
    """Subtracts the median and divides by the interquartile range.

    If both quartiles are equal, for example in a column that is mostly 0, it divides by the
    standard deviation. scikit-learn would not scale such a column.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits to X (samples, features) without missing values; y is not used."""
        super().fit(X)
        X = np.asarray(X, np.float64)
        low, high = np.quantile(X, (0.25, 0.75), axis=0)
        if (same := low == high).any():
            self.scale_[same] = StandardScaler().fit(X[:, same]).scale_
        return self


class Hashed(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Feature hashing: each category sets a 1 in one of `buckets` columns, chosen by its hash.

    It stores no categories, so that new ones are encoded, too. Categories with the same bucket
    cannot be distinguished.

    Args:
        buckets: output columns per column of categories.
    """

    def __init__(self, buckets: int = 256) -> None:
        self.buckets = buckets

    def fit(self, X: Any, y: Any = None) -> Self:
        """Records the number of columns of X (samples, columns), a DataFrame; y is not used."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        """A sparse array (samples, columns * buckets) of 0 and 1; missing is its own category."""
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
    """Categories, and whether each is a missing value."""
    from pandas import isna

    return list(zip(words, isna(words), strict=True))


class TargetMeans(TargetEncoder):  # type: ignore[misc]
    """Target encoding: each category's mean target, shrunk to the overall mean if rows are few.

    Unlike in scikit-learn, `fit_transform` is `fit` followed by `transform`: tuner does its own
    cross-fitting, which keeps groups together.
    """

    def fit_transform(self, X: Any, y: Any) -> Any:
        """Fits and transforms the same rows; encodings include a row's own target."""
        return self.fit(X, y).transform(X)


class Text(TfidfVectorizer):  # type: ignore[misc]
    """TF-IDF of one column of text, with empty texts for missing values.

    See scikit-learn's TfidfVectorizer.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits to X (samples, 1), a DataFrame; y is not used."""
        super().fit(_texts(X))
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fits to X (samples, 1) and transforms it."""
        return super().fit_transform(_texts(X))

    def transform(self, X: Any) -> Any:
        """A sparse array (samples, words of the training rows)."""
        return super().transform(_texts(X))


def _texts(X: Any) -> list[str]:
    """The texts of the only column of a DataFrame."""
    column = X.iloc[:, 0]
    return [str(text) for text in column.astype(object).where(column.notna(), "")]
