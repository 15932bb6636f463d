"""Linear classifiers: softmax, logistic, and the support vector machine."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tuner.estimators.classifiers import Classifier
from tuner.estimators.components import Loss
from tuner.estimators.linear import Linear, layer

Array = np.ndarray


@dataclass(kw_only=True, eq=False, repr=False)
class LinearClassifier(Linear, Classifier):
    """Scores are X coef_.T + intercept_; two classes have one score, several one each."""

    @property
    def coef_(self) -> Array:
        """The weights (scores, features)."""
        return layer(self)[0]

    @property
    def intercept_(self) -> Array:
        """The biases (scores,)."""
        return layer(self)[1]


@dataclass(kw_only=True, eq=False, repr=False)
class SoftmaxClassifier(LinearClassifier):
    """Multinomial logistic regression: the softmax of linear scores.

    Two classes have one score, the log-odds of the second.

    Args:
        label_smoothing: the share of a sample's class that is spread evenly over all classes.
    """

    LOSSES: ClassVar = ("cross_entropy",)
    label_smoothing: float = 0.0

    def _tasks(self) -> set[str]:
        return {"binary", "multiclass"}

    def _loss(self) -> Loss:
        name = "logistic" if getattr(self, "_task", "binary") == "binary" else "cross_entropy"
        return Loss(name, label_smoothing=self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class LogisticClassifier(LinearClassifier):
    """Logistic regression of two classes, or of several labels that a sample may have at once.

    Args:
        label_smoothing: the share of a sample's label that is spread evenly over 0 and 1.
    """

    LOSSES: ClassVar = ("logistic",)
    label_smoothing: float = 0.0

    def _tasks(self) -> set[str]:
        return {"binary", "multilabel"}

    def _loss(self) -> Loss:
        return Loss("logistic", label_smoothing=self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class LinearSVMClassifier(LinearClassifier):
    """The linear support vector machine, several classes one against the rest.

    With l2 = 1 / (C n) it minimises the objective of scikit-learn's LinearSVC divided by C n, but
    for the intercept, which is not penalised here.

    Args:
        loss: squared_hinge or hinge.
    """

    LOSSES: ClassVar = ("squared_hinge", "hinge")
    loss: str = "squared_hinge"

    def _tasks(self) -> set[str]:
        return {"binary", "multiclass"}

    def _loss(self) -> str:
        if self.loss not in self.LOSSES:
            raise ValueError(f"loss: {self.loss!r}: give {' or '.join(self.LOSSES)}")
        return self.loss
