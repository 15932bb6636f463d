"""The folds of a search: the samples that candidates train on and are scored on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from tuner.model_selection.candidates import WEIGHTS, Split

Array = np.ndarray

# This many samples of each class come first, because few estimators can be fitted to one.
FIRST = 2


class Folds:
    """Splits of X and y.

    Args:
        estimator: the estimator of the search; for one that takes kernels, columns are split, too.
        cv: as in scikit-learn's searches.
        X, y: all samples; y may be None.
        routed: further arguments of estimator, scorer and splitter.
        seed: the seed of the order of samples.

    Raises:
        ValueError: the splitter returns no folds, or another number than it declares.
    """

    def __init__(self, estimator: Any, cv: Any, X: Any, y: Any, routed: Any, seed: int) -> None:
        self.estimator, self.X, self.y, self.routed, self.seed = estimator, X, y, routed, seed
        splitter = check_cv(cv, y, classifier=is_classifier(estimator))
        expected = splitter.get_n_splits(X, y, **routed.splitter.split)
        self.parts = list(splitter.split(X, y, **routed.splitter.split))
        if len(self.parts) != expected:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {expected} splits, got {len(self.parts)}"
            )
        if not self.parts:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def samples(self) -> int:
        """The number of all samples, for training and scoring."""
        return int(_num_samples(self.X))

    def splits(self, share: float = 1.0) -> list[Split]:
        """The folds with a share of their training samples, and with all test samples.

        The samples of a share are a subset of those of every larger share.
        """
        return [self.split(number, share) for number in range(len(self.parts))]

    def split(self, number: int, share: float) -> Split:
        """One of the folds."""
        train, test = self.parts[number]
        if share < 1:
            train = self.some(number, share)
        X, y, params = self.X, self.y, self.routed
        return Split(
            training=_safe_split(self.estimator, X, y, train),
            test=_safe_split(self.estimator, X, y, test, train),
            fit_params=_check_method_params(X, params=params.estimator.fit, indices=train),
            score_params=_check_method_params(X, params=params.scorer.score, indices=test),
        )

    def some(self, number: int, share: float) -> Array:
        """A share of a fold's training samples, chosen by the seed, in their original order."""
        train = indices(self.parts[number][0])
        weights = self.routed.estimator.fit.get(WEIGHTS)
        kinds = [] if weights is None else [np.asarray(weights)[train] > 0]
        if is_classifier(self.estimator) and self.y is not None and np.ndim(self.y) == 1:
            kinds.append(np.unique(np.asarray(self.y)[train], return_inverse=True)[1])
        order = nested(len(train), kinds, np.random.default_rng((self.seed, number)))
        return np.sort(train[order[: max(1, int(np.ceil(share * len(train) - 1e-9)))]])

    def fewest(self) -> int:
        """The least number of all samples that gives each fold FIRST training samples per class."""
        kinds = 1
        if is_classifier(self.estimator) and self.y is not None and np.ndim(self.y) == 1:
            kinds = len(np.unique(np.asarray(self.y)))
        smallest = min(len(indices(train)) for train, _ in self.parts)
        return int(np.ceil(FIRST * kinds * self.samples / max(1, smallest)))


def indices(part: Any) -> Array:
    """Indices of samples; a splitter may return a mask instead."""
    places = np.asarray(part)
    return np.flatnonzero(places) if places.dtype == bool else places


def nested(count: int, kinds: Sequence[Array], rng: np.random.Generator) -> Array:
    """An order of samples whose first ones have all strata in the same proportions as all samples.

    Args:
        count: number of samples.
        kinds: strata, such as classes as numbers, each array (count,).
        rng: draws the order.
    """
    drawn = rng.permutation(count)
    _, kind = np.unique(np.stack([np.zeros(count), *kinds]), axis=1, return_inverse=True)
    kind = np.asarray(kind).reshape(-1)[drawn]
    turns = np.empty(count)
    for own in np.unique(kind):
        places = np.flatnonzero(kind == own)
        turn = np.arange(len(places), dtype=float)
        turns[places] = np.where(turn < FIRST, turn - FIRST, turn / len(places))
    return np.asarray(drawn[np.argsort(turns, kind="stable")])
