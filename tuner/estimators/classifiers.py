"""Classifiers: classes and labels as an estimator's targets."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from tuner.estimators.base import Estimator
from tuner.estimators.components import Loss
from tuner.training import losses

Array = np.ndarray

PROBABILISTIC = {"logistic", "cross_entropy"}  # losses whose scores are log-odds


def _has_probabilities(classifier: "Classifier") -> bool:
    name, _ = classifier._loss_and_number()
    if name in PROBABILISTIC:
        return True
    raise AttributeError(
        f"loss: {name}: its scores are not log-odds, so there are no probabilities"
    )


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A classifier: one score for two classes, one per class for more, or one per label.

    Args:
        class_weight: a mapping from classes to weights, "balanced", or None. The weights multiply
            sample_weight in training; the validation curves do not use them.

    Attributes:
        classes_: the sorted classes; for labels, given as y of 0 and 1 (samples, labels), their
            numbers.
    """

    class_weight: Mapping[Any, float] | str | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = "multiclass" in self._tasks()
        tags.classifier_tags.multi_label = "multilabel" in self._tasks()
        return tags

    @abstractmethod
    def _tasks(self) -> set[str]:
        """The tasks that it supports: some of binary, multiclass and multilabel."""

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Trains one epoch on these samples. The next call trains the next epoch.

        The schedule covers max_iter calls, and stays at its last value afterwards. After a fit,
        training continues from the fitted parameters with a new state of the optimizer.

        Args:
            X: (samples, features), dense or sparse.
            y: classes (samples,), or labels of 0 and 1 (samples, labels).
            classes: all classes that any call will see; needed in the first call if y lacks some.
                For labels they are the numbers of the columns of y, and may be left out.
            sample_weight: (samples,). A weight multiplies the sample's part in a step. Unlike in
                `fit`, doubling all weights doubles the steps. Samples of weight 0 are left out.

        Returns:
            The estimator.

        Raises:
            ValueError: for data or parameters that are not allowed, for other classes than in the
                first call, and if training diverges.
        """
        self._check_parameters()
        first = not hasattr(self, "theta_")
        dtype = None if first else self.theta_.dtype
        X, y, weights = self._rows(X, y, sample_weight, dtype)
        if first:
            known = y if classes is None or y.ndim == 2 else np.asarray(classes)
            self._learn(known, None, np.zeros(0, bool))
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            expected = "the numbers of the labels" if y.ndim == 2 else "those of the first call"
            raise ValueError(f"classes: {list(classes)}: must be {expected}")
        return self._continue(X, y, weights, first)

    def adopt(self, theta: Array, features: int, classes: Array, task: str) -> Self:
        """Uses parameters that were trained elsewhere instead of a fit.

        Args:
            theta: (size,), the parameters, laid out as in `theta_`.
            features: the number of features.
            classes: as `classes_`.
            task: binary, multiclass or multilabel.

        Returns:
            The estimator.
        """
        self.n_features_in_, self.theta_ = features, theta
        self._know(np.asarray(classes), task)
        return self

    def _know(self, classes: Array, task: str) -> None:
        self.classes_, self._task = classes, task
        self.n_outputs_ = 1 if task == "binary" else len(classes)

    def _targets(self, y: Any) -> Array:
        y = y.toarray() if sparse.issparse(y) else np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y  # type: ignore[no-any-return]

    def _learn(self, y: Array, weights: Array | None, held: Array) -> None:
        if y.ndim == 2:
            task, classes = "multilabel", np.arange(y.shape[1])
        else:
            classes = np.unique(y)
            task = "binary" if len(classes) <= 2 else "multiclass"
        if len(classes) < 2:
            raise ValueError(
                f"y: one class, {classes[0]!r}: give two or more whose sample_weight is not 0"
            )
        if task not in self._tasks():
            raise ValueError(self._refusal(task))
        self._know(classes, task)

    def _refusal(self, task: str) -> str:
        name = type(self).__name__
        if task == "multiclass":
            return (
                "Only binary classification is supported. The type of the target is multiclass: "
                f"{name} does not take it, SoftmaxClassifier does"
            )
        return f"y: {task}: {name} takes {' and '.join(sorted(self._tasks()))} targets"

    def _coded(self, y: Array) -> Array:
        if self._task == "multilabel":
            if y.ndim != 2 or y.shape[1] != len(self.classes_):
                raise ValueError(f"y: shape {y.shape}: give a column for each of the labels fitted")
            return y.astype(np.float64)
        codes = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = y[self.classes_[codes] != y]
        if len(unknown):
            raise ValueError(f"y: {unknown[0]!r}: is not one of the classes {self.classes_}")
        return codes.astype(np.int64)

    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        if self._task == "multilabel":
            raise ValueError("class_weight: not for labels: give sample_weight")
        seen = np.unique(y)
        of_class = np.ones(len(self.classes_))
        of_class[np.searchsorted(self.classes_, seen)] = compute_class_weight(
            self.class_weight, classes=seen, y=y, sample_weight=weights
        )
        own = of_class[np.searchsorted(self.classes_, y)]
        return own if weights is None else own * weights

    def _strata(self, y: Array) -> Array | None:
        if y.ndim == 2:
            return None
        _, counts = np.unique(y, return_counts=True)
        return y if counts.min() > 1 else None

    def decision_function(self, X: Any) -> Array:
        """Scores (samples, classes or labels); with two classes, (samples,) for the second."""
        scores = self._scores(X)
        return scores[:, 0] if self._task == "binary" else scores

    def predict(self, X: Any) -> Array:
        """The predicted classes (samples,), or labels (samples, labels) of 0 and 1."""
        scores = self.decision_function(X)
        if self._task == "multilabel":
            return (scores > 0).astype(np.int64)
        codes = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        classes: Array = self.classes_[codes]
        return classes

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities (samples, classes), or of each label (samples, labels).

        Only an estimator whose loss is logistic or cross_entropy has this method.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.stack([expit(-scores), expit(scores)], axis=1)
        probabilities: Array = expit(scores) if self._task == "multilabel" else softmax(scores, 1)
        return probabilities


@dataclass(kw_only=True, eq=False, repr=False)
class AnyLossClassifier(Classifier):
    """A classifier for two or more classes, or for labels of which a sample may have several.

    Args:
        loss: a name, or Loss("cross_entropy", label_smoothing=...) and the like; None is
            cross_entropy for several classes, and logistic for two or for labels. hinge and
            squared_hinge give no probabilities.
    """

    loss: str | Loss | None = None

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not self._tasks():
            name, _ = self._loss_and_number()
            tasks = set(losses.TASKS) - {"regression"}
            allowed = [name for name in losses.names() if tasks & set(losses.load(name).tasks)]
            raise ValueError(f"loss: {name!r}: give one of {', '.join(allowed)}, or None")

    def _tasks(self) -> set[str]:
        if self.loss is None:
            return {"binary", "multiclass", "multilabel"}
        return set(losses.load(self._loss_and_number()[0]).tasks) - {"regression"}

    def _loss(self) -> str | Loss:
        if self.loss is not None:
            return self.loss
        return "cross_entropy" if getattr(self, "_task", "") == "multiclass" else "logistic"
