"""Problems given by a formula: exact values and gradients, one step per epoch, no data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.training.functions import Function, Quadratic
from tuner.training.problems import Objective, Problem

Array = np.ndarray

# Names of the coordinates, which are metrics if there are at most two.
COORDINATES = ("x", "y")


@dataclass(frozen=True)
class Analytic(Problem):
    """A function to minimise from its starting point, which is the same under every seed.

    Its metrics are `validation_loss`, which is the value, and in one or two dimensions the
    coordinates `x` and `y`.
    """

    function: Function = field(default_factory=Quadratic)
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))
    batched = False

    @property
    def size(self) -> int:
        return self.function.size

    @property
    def steps(self) -> int:
        return 1

    def initial(self, seed: int) -> Array:
        return self.function.origin

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        return [np.zeros(1, dtype=np.int64)] * self.steps

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> "AnalyticObjective":
        return AnalyticObjective(self.function, theta, gradient)


class AnalyticObjective(Objective):
    """The function at each row's point; the content of a batch is ignored."""

    def __init__(self, function: Function, theta: Array, gradient: Array) -> None:
        self.function, self.theta, self.gradient = function, theta, gradient
        self.losses = np.zeros(len(theta))

    def differentiate(self, batch: Array) -> None:
        self.losses[:], self.gradient[:] = self.function(self.theta)

    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        names = COORDINATES if self.function.size <= len(COORDINATES) else ()
        points = theta.T.astype(np.float64)
        return {
            "validation_loss": self.training_loss(theta),
            **dict(zip(names, points, strict=False)),
        }

    def training_loss(self, theta: Array) -> Array:
        return self.function(theta)[0]
