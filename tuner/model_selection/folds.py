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

# So many samples of each class come first, for with one of them few estimators can be fitted.
FIRST = 2


class Folds:
    """Splits of X and y.

    Args:
        estimator: of the search; one that takes kernels has columns split, too.
        cv: as scikit-learn's searches take it.
        X, y: all samples; y may be None.
        routed: what estimator, scorer and splitter get besides.
        seed: of the order in which samples come.

    Raises:
        ValueError: if a splitter gives no folds, or others than it says.
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
        """How many there are, to train on and to be judged by."""
        return int(_num_samples(self.X))

    def splits(self, share: float = 1.0) -> list[Split]:
        """The folds with a share of the samples to train on; those to be judged by are all there.

        The samples of a share are among those of every larger one.
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
        """The first samples of a fold in the order of the seed, in the order in which they came."""
        train = indices(self.parts[number][0])
        weights = self.routed.estimator.fit.get(WEIGHTS)
        kinds = [] if weights is None else [np.asarray(weights)[train] > 0]
        if is_classifier(self.estimator) and self.y is not None and np.ndim(self.y) == 1:
            kinds.append(np.unique(np.asarray(self.y)[train], return_inverse=True)[1])
        order = nested(len(train), kinds, np.random.default_rng((self.seed, number)))
        return np.sort(train[order[: max(1, int(np.ceil(share * len(train) - 1e-9)))]])

    def fewest(self) -> int:
        """The least samples, of all that there are, that give each fold FIRST of each class."""
        kinds = 1
        if is_classifier(self.estimator) and self.y is not None and np.ndim(self.y) == 1:
            kinds = len(np.unique(np.asarray(self.y)))
        smallest = min(len(indices(train)) for train, _ in self.parts)
        return int(np.ceil(FIRST * kinds * self.samples / max(1, smallest)))


def indices(part: Any) -> Array:
    """Places of samples, which a splitter may give as a mask."""
    places = np.asarray(part)
    return np.flatnonzero(places) if places.dtype == bool else places


def nested(count: int, kinds: Sequence[Array], rng: np.random.Generator) -> Array:
    """An order of samples in which the first ones have all kinds as all of them do.

    Args:
        count: of the samples.
        kinds: what is to be in every part: classes as numbers, each array (count,).
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
