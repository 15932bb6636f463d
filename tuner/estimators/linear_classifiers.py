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
    """Scores are X coef_.T + intercept_: one for two classes, otherwise one for each class."""

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
    """Multinomial logistic regression: softmax of linear scores.

    With two classes there is one score, the log-odds of the second class.

    Args:
        label_smoothing: the share of the target probability spread evenly over all classes.
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
    """Logistic regression for two classes, or for labels of which a sample may have several.

    Args:
        label_smoothing: the share of the target probability spread evenly over 0 and 1.
    """

    LOSSES: ClassVar = ("logistic",)
    label_smoothing: float = 0.0

    def _tasks(self) -> set[str]:
        return {"binary", "multilabel"}

    def _loss(self) -> Loss:
        return Loss("logistic", label_smoothing=self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class LinearSVMClassifier(LinearClassifier):
    """The linear support vector machine; three or more classes are one against the rest.

    With l2 = 1 / (C n) it minimises the objective of scikit-learn's LinearSVC divided by C n.
    Unlike there, the intercept is not penalised.

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
