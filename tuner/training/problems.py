"""Problems: what a population minimises, by batches of data or by a formula."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tuner.training.losses import Loss
from tuner.training.models import MLP, passes

Array = np.ndarray

# The streams of random numbers drawn from one member's seed.
INITIAL, ORDER = 0, 1


class Objective(ABC):
    """A problem bound to rows: theta (rows, size), their gradient, and left_at (rows,).

    A row whose left_at is not 0 has left and is passed over.
    """

    losses: Array

    @abstractmethod
    def differentiate(self, batch: Array) -> None:
        """Writes the batch's mean loss into `losses`, (rows,) float64, and its gradient."""

    @abstractmethod
    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        """Metrics of parameters (rows, size), (rows,) each: validation_loss, and scores."""

    @abstractmethod
    def training_loss(self, theta: Array) -> Array:
        """Mean loss of parameters (rows, size) over the whole training part, (rows,) float64."""


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

    @cached_property
    def tensors(self) -> Array:
        """What the parameters are made of, (tensors, 5) int64: start, stop, inputs, outputs, and
        1 for a weight matrix that does not make the scores. One tensor, if nothing else is said.
        """
        return np.array([[0, self.size, 1, self.size, 0]])

    @abstractmethod
    def initial(self, seed: int) -> Array:
        """Starting parameters (size,) under that seed, float64."""

    @abstractmethod
    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        """The batches of an epoch (counted from 0), as indices of training samples."""

    @abstractmethod
    def attach(self, theta: Array, gradient: Array, left_at: Array) -> Objective:
        """The problem for these rows: (rows, size) twice, (rows,)."""


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

    @cached_property
    def tensors(self) -> Array:
        return self.model.tensors

    @property
    def steps(self) -> int:
        return -(-len(self.X_train) // self.batch_size)

    def initial(self, seed: int) -> Array:
        return self.model.initial(np.random.default_rng((seed, INITIAL)))

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        order = np.random.default_rng((seed, ORDER, epoch)).permutation(len(self.X_train))
        starts = range(0, len(order), self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> "SupervisedObjective":
        return SupervisedObjective(self, theta, gradient, left_at)


class SupervisedObjective(Objective):
    # Samples evaluated at once: enough for the matrix product, few enough for the caches.
    CHUNK = 256

    def __init__(self, problem: Supervised, theta: Array, gradient: Array, left_at: Array):
        self.problem, self.theta, self.gradient = problem, theta, gradient
        self.left_at = left_at
        model, size = problem.model, problem.batch_size
        self.widths = model.widths
        self.step, self.evaluation = passes(model.activation, problem.loss)
        self.X_batch = np.empty((size, model.inputs), theta.dtype)
        self.y_batch = np.empty((size, *problem.y_train.shape[1:]), problem.y_train.dtype)
        self.work = np.empty(model.room(max(size, self.CHUNK)), theta.dtype)
        self.losses = np.zeros(len(theta))

    def differentiate(self, batch: Array) -> None:
        p = self.problem
        if len(batch) > len(self.X_batch):
            raise ValueError(f"a batch of {len(batch)} where batch_size is {p.batch_size}")
        self.step(
            self.theta, self.gradient, self.left_at, self.widths, p.X_train, p.y_train, batch,
            self.X_batch, self.y_batch, self.work, self.losses,
        )  # fmt: skip

    def sums(self, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """Sums of losses and of hits over a part, (rows,) each."""
        losses, hits = np.zeros(len(theta)), np.zeros(len(theta))
        self.evaluation(theta, self.left_at, self.widths, X, y, self.CHUNK, self.work, losses, hits)
        return losses, hits

    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        p = self.problem
        if p.X_validation is None or p.y_validation is None:
            return {}
        losses, hits = self.sums(theta, p.X_validation, p.y_validation)
        score = p.loss.score
        return {
            "validation_loss": losses / len(p.X_validation),
            f"validation_{score.__name__}": score(hits, p.y_validation),
        }

    def training_loss(self, theta: Array) -> Array:
        p = self.problem
        return self.sums(theta, p.X_train, p.y_train)[0] / len(p.X_train)


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

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> "QuadraticObjective":
        return QuadraticObjective(theta, gradient)


class QuadraticObjective(Objective):
    def __init__(self, theta: Array, gradient: Array) -> None:
        self.theta, self.gradient, self.losses = theta, gradient, np.zeros(len(theta))

    def differentiate(self, batch: Array) -> None:
        np.multiply(self.theta, 2.0, out=self.gradient)
        self.losses[:] = self.training_loss(self.theta)

    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        return {"validation_loss": self.training_loss(theta), "x": theta[:, 0].astype(np.float64)}

    def training_loss(self, theta: Array) -> Array:
        losses: Array = np.square(theta[:, 0], dtype=np.float64)
        return losses
