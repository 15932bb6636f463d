"""Problems: what a population minimises, by batches of data or by a formula."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tuner.training.losses import Loss
from tuner.training.models import MLP, Buffers

Array = np.ndarray

# The streams of random numbers drawn from one member's seed.
INITIAL, ORDER = 0, 1


class Objective(ABC):
    """A problem bound to the rows of one population: theta (rows, size) and its gradient."""

    @abstractmethod
    def differentiate(self, batch: Array) -> Array:
        """Sum of the losses over the batch, (rows,) float64; writes the mean's gradient."""

    @abstractmethod
    def evaluate(self) -> Mapping[str, Array]:
        """Metrics of the parameters as they are, (rows,) each: validation_loss, and scores."""

    @abstractmethod
    def training_loss(self) -> Array:
        """Mean loss over the whole training part, (rows,) float64."""


class Problem(ABC):
    """A function of `size` parameters, known by the losses and gradients of batches."""

    dtype: np.dtype
    # Whether an epoch's training loss is the mean over its batches, each before its own step;
    # otherwise it is the loss after the epoch.
    batched: bool

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of parameters."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Number of steps in an epoch."""

    @abstractmethod
    def initial(self, seed: int) -> Array:
        """Starting parameters (size,) under that seed, float64."""

    @abstractmethod
    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        """The batches of an epoch (counted from 0), as indices of training samples."""

    @abstractmethod
    def attach(self, theta: Array, gradient: Array) -> Objective:
        """The problem for these rows; both (rows, size)."""


@dataclass(frozen=True)
class Supervised(Problem):
    """A model and a loss on a training part and, unless it is None, a validation part.

    X: (samples, features) in the dtype of the parameters; y as the loss takes it. The last batch
    of an epoch may be smaller than batch_size.
    """

    model: MLP
    loss: Loss
    X_train: Array
    y_train: Array
    X_validation: Array | None
    y_validation: Array | None
    batch_size: int
    batched = True

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return self.X_train.dtype

    @property
    def size(self) -> int:
        return self.model.size

    @property
    def steps(self) -> int:
        return -(-len(self.X_train) // self.batch_size)

    def initial(self, seed: int) -> Array:
        return self.model.initial(np.random.default_rng((seed, INITIAL)))

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        order = np.random.default_rng((seed, ORDER, epoch)).permutation(len(self.X_train))
        return np.split(order, range(self.batch_size, len(order), self.batch_size))

    def attach(self, theta: Array, gradient: Array) -> "SupervisedObjective":
        return SupervisedObjective(self, theta, gradient)


class SupervisedObjective(Objective):
    # Samples evaluated at once: enough for the matrix product, few enough for the caches.
    CHUNK = 512

    def __init__(self, problem: Supervised, theta: Array, gradient: Array):
        self.problem = problem
        self.parameters = problem.model.views(theta)
        self.gradients = problem.model.views(gradient)
        self.buffers = Buffers(theta.dtype)

    def differentiate(self, batch: Array) -> Array:
        p = self.problem
        X = self.buffers["X", len(batch), p.X_train.shape[1]]
        np.take(p.X_train, batch, axis=0, out=X, mode="clip")
        scores, backward = p.model.forward(self.parameters, X, self.buffers)
        losses = p.loss.value_and_gradient(scores, p.y_train[batch])
        backward(scores, self.gradients)
        return losses

    def sums(self, X: Array, y: Array) -> tuple[Array, Array]:
        """Sums of losses and of hits over a part, (rows,) each."""
        p = self.problem
        losses = np.zeros(len(self.parameters[0][0]))
        hits = np.zeros_like(losses)
        for start in range(0, len(X), self.CHUNK):
            part = slice(start, start + self.CHUNK)
            scores, _ = p.model.forward(self.parameters, X[part], self.buffers)
            hits += p.loss.hits(scores, y[part])
            losses += p.loss.value_and_gradient(scores, y[part])
        return losses, hits

    def evaluate(self) -> Mapping[str, Array]:
        p = self.problem
        if p.X_validation is None or p.y_validation is None:
            return {}
        losses, hits = self.sums(p.X_validation, p.y_validation)
        return {
            "validation_loss": losses / len(p.X_validation),
            f"validation_{p.loss.score_name}": p.loss.score(hits, p.y_validation),
        }

    def training_loss(self) -> Array:
        p = self.problem
        return self.sums(p.X_train, p.y_train)[0] / len(p.X_train)


@dataclass(frozen=True)
class Quadratic(Problem):
    """f(x) = x**2 from a starting point: the textbook's example, one exact step an epoch."""

    start: float = 10.0
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))
    batched = False

    @property
    def size(self) -> int:
        return 1

    @property
    def steps(self) -> int:
        return 1

    def initial(self, seed: int) -> Array:
        return np.array([self.start])

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        return [np.zeros(1, dtype=np.int64)]

    def attach(self, theta: Array, gradient: Array) -> "QuadraticObjective":
        return QuadraticObjective(theta, gradient)


@dataclass(frozen=True)
class QuadraticObjective(Objective):
    theta: Array
    gradient: Array

    def differentiate(self, batch: Array) -> Array:
        np.multiply(self.theta, 2.0, out=self.gradient)
        return self.training_loss()

    def evaluate(self) -> Mapping[str, Array]:
        return {"validation_loss": self.training_loss(), "x": self.theta[:, 0].astype(np.float64)}

    def training_loss(self) -> Array:
        losses: Array = np.square(self.theta[:, 0], dtype=np.float64)
        return losses
