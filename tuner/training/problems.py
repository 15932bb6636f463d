"""Problems: what a population minimises, given by batches of data or by a formula."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from tuner.training.fold_checks import check_folds
from tuner.training.kernels.dropout import mixed
from tuner.training.kernels.input_checks import check_array, check_range
from tuner.training.kernels.model_passes import build_passes
from tuner.training.kernels.sparse import CSR
from tuner.training.losses import Loss
from tuner.training.models import Model, kind_of
from tuner.training.scores import total_weight

if TYPE_CHECKING:
    from tuner.training.population import Member, Population

Array = np.ndarray

# The streams of random numbers of a member's seed.
INITIAL, ORDER = 0, 1


class Objective(ABC):
    """A problem bound to rows: theta (rows, size), their gradient, and left_at (rows,).

    A row whose left_at is not 0 has left and is skipped.
    """

    gradient: Array
    losses: Array
    # `differentiate` compiled, and its arguments besides the rows and a batch, for the compiled
    # loop
    # of kernels.step; None if it must be called from Python.
    compiled: tuple[Any, tuple[Any, ...]] | None = None

    @abstractmethod
    def differentiate(self, batch: Array) -> None:
        """Writes the batch's loss into `losses`, (rows,) float64, and its gradient."""

    def check(self, order: Array, sizes: Sequence[int]) -> None:
        """Refuses batches that `compiled` cannot handle.

        Args:
            order: (samples,), the indices of all batches, one after another.
            sizes: sizes of the batches.

        Raises:
            ValueError: a batch is empty or too large, or an index is out of range.
        """
        return None

    @abstractmethod
    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        """Metrics (rows,) of parameters (rows, size): validation_loss, and scores."""

    @abstractmethod
    def training_loss(self, theta: Array) -> Array:
        """Mean loss of parameters (rows, size) over the whole training part, (rows,) float64."""


class Problem(ABC):
    """A function of `size` parameters, given by losses and gradients of batches."""

    dtype: np.dtype
    # Whether an epoch's training loss is the mean over its batches, weighted by their samples, each
    # before its step; otherwise it is the loss after the epoch.
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
        """The tensors of the parameters, (tensors, 5) int64: start, stop, inputs, outputs, and 1
        for a weight matrix of a hidden layer. By default, one tensor.
        """
        return np.array([[0, self.size, 1, self.size, 0]])

    @cached_property
    def penalised(self) -> Array:
        """Start and stop of each tensor that the penalties l1 and l2 act on, (tensors, 2) int64."""
        return np.empty((0, 2), np.int64)

    def for_rows(self, rows: "Population") -> Self:
        """The problem of these rows, which share a seed and a fold: with their data and their own
        hyperparameters of model and loss."""
        return self

    def alike_at_first(self, member: "Member") -> Hashable:
        """A key; members with equal keys have the same losses before the first step."""
        return member.seed

    @abstractmethod
    def initial(self, seed: int) -> Array:
        """Starting parameters (size,) under that seed, float64."""

    @abstractmethod
    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        """The batches of an epoch (counted from 0), as indices of training samples."""

    @abstractmethod
    def attach(self, theta: Array, gradient: Array, left_at: Array) -> Objective:
        """Binds the problem to rows: arrays of shape (rows, size) twice, and (rows,)."""


class Part(NamedTuple):
    """Samples for training or evaluation.

    X: (n, features), C-contiguous, or CSR, in the dtype of the parameters; y: (n,) int64 classes,
    or (n, outputs) of that dtype for regression and multilabel; weights: (n,) of that dtype, at
    least 0, or None for equal weights.
    """

    X: Array | CSR
    y: Array
    weights: Array | None = None


class Fold(NamedTuple):
    """The training part of some rows, and the part that they are evaluated on."""

    train: Part
    validation: Part | None


# Maps scores (n, outputs), y and weights of a part to a number.
Metric = Callable[[Array, Array, Array | None], float]


@dataclass(frozen=True)
class Supervised(Problem):
    """A model and a loss on folds of data; each row belongs to one fold.

    The last batch of an epoch may be smaller than batch_size. A batch's loss is the weighted sum of
    its samples' losses, divided by their number times the mean weight of the training part, or
    mean_weight: a sample of weight 2 counts like the same sample given twice, at every batch_size.
    metrics: further metrics of the validation part, by name, one mapping per fold with the same
    names, or empty. rows: the rows it is bound to (see `for_rows`); without them it is the problem
    of rows of the first fold with default hyperparameters.

    Raises:
        ValueError: a part of a fold does not fit model and loss, or is not as `Part` says; the
            message names the fold, what was found and what is expected.
    """

    model: Model
    loss: Loss
    folds: tuple[Fold, ...]
    batch_size: int
    metrics: tuple[Mapping[str, Metric], ...] = ()
    rows: "Population | None" = None
    mean_weight: float | None = None
    batched = True

    def __post_init__(self) -> None:
        if self.rows is not None or not self.folds:
            return
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}: give 1 or more")
        if self.metrics and len(self.metrics) != len(self.folds):
            raise ValueError(
                f"metrics: {len(self.metrics)}: give {len(self.folds)}, as many as folds"
            )
        check_folds(self.folds, self.model, self.loss)

    def for_rows(self, rows: "Population") -> Self:
        place, folds = rows.members[0].fold, len(self.folds)
        if not 0 <= place < folds:
            raise ValueError(f"fold {place}: give 0 to {folds - 1}, for there are {folds}")
        return replace(self, rows=rows)

    def alike_at_first(self, member: "Member") -> Hashable:
        own = ("dropout", *self.loss.own)
        numbers = tuple(member.model_settings.get(name) for name in own)
        return member.seed, member.fold, numbers

    @property
    def place(self) -> int:
        """The index of the rows' fold."""
        return self.rows.members[0].fold if self.rows else 0

    @property
    def fold(self) -> Fold:
        """The rows' fold."""
        return self.folds[self.place]

    @property
    def reported(self) -> Mapping[str, Metric]:
        """The metrics of the rows' fold."""
        return self.metrics[self.place] if self.metrics else {}

    @property
    def settings(self) -> Sequence[Mapping[str, float]] | None:
        """The rows' settings of model and loss."""
        return None if self.rows is None else [m.model_settings for m in self.rows.members]

    @cached_property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        """The dtype of the features, and so of the parameters."""
        X = self.folds[0].train.X
        return X.values.dtype if isinstance(X, CSR) else X.dtype

    @property
    def size(self) -> int:
        return self.model.size

    @cached_property
    def tensors(self) -> Array:
        return self.model.tensors

    @cached_property
    def penalised(self) -> Array:
        return self.model.penalised

    @property
    def steps(self) -> int:
        return -(-len(self.fold.train.y) // self.batch_size)

    def initial(self, seed: int) -> Array:
        return self.model.initial(np.random.default_rng((seed, INITIAL)))

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        order = np.random.default_rng((seed, ORDER, epoch)).permutation(len(self.fold.train.y))
        starts = range(0, len(order), self.batch_size)
        return [order[start : start + self.batch_size] for start in starts]

    @cached_property
    def bound(self) -> "_Bound":
        """What the objectives of its rows share."""
        assert self.rows is not None
        return _Bound(self, len(self.rows.members))

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> "SupervisedObjective":
        bound = self.bound if self.rows else _Bound(self, len(theta))
        return SupervisedObjective(self, bound, theta, gradient, left_at)


class _Arrays:
    """A part for compiled passes: y (n, targets), weights (n,) or (0,), and their sum."""

    def __init__(self, part: Part, kind: ModuleType, dtype: np.dtype) -> None:
        self.X = kind.whole(part.X)
        self.y = part.y.reshape(len(part.y), -1)
        self.weights = np.empty(0, dtype) if part.weights is None else part.weights
        self.mass = total_weight(self.weights, self.y)


class _Bound:
    """What of an objective depends on the problem and its rows alone, count of them."""

    def __init__(self, problem: Supervised, count: int) -> None:
        fold, loss, rows = problem.fold, problem.loss, problem.rows
        self.shape = count, problem.size
        self.kind, self.layout = kind_of(fold.train.X), problem.model.layout
        self.step, self.evaluation = build_passes(problem.model, loss, self.kind)
        self.train = _Arrays(fold.train, self.kind, problem.dtype)
        self.validation = fold.validation and _Arrays(fold.validation, self.kind, problem.dtype)
        settings: Sequence[Mapping[str, float]] = problem.settings or [{}] * count
        self.numbers = loss.numbers(settings)
        self.judging = loss.numbers([{}] * count) if loss.only_in_training else self.numbers
        self.rates = np.array([row.get("dropout", 0.0) for row in settings])
        self.state = np.uint64(mixed(rows.members[0].seed if rows else 0, 0))
        self.taken = rows.step if rows else np.zeros(count)
        check_array("step", self.taken, (count,), np.float64)


class SupervisedObjective(Objective):
    """Compiled passes over the data of the rows' fold, with their work arrays."""

    compiled: tuple[Any, tuple[Any, ...]]
    # Samples evaluated at once: enough for fast matrix products, few enough for the caches.
    CHUNK = 256

    def __init__(
        self, problem: Supervised, bound: _Bound, theta: Array, gradient: Array, left_at: Array
    ) -> None:
        for name, array in (("theta", theta), ("gradient", gradient)):
            check_array(name, array, bound.shape, problem.dtype)
        check_array("left_at", left_at, bound.shape[:1], np.float64)
        self.problem, self.bound, self.evaluation = problem, bound, bound.evaluation
        self.theta, self.gradient, self.left_at = theta, gradient, left_at
        size, part = problem.batch_size, bound.train
        self.rooms = (
            bound.kind.room(problem.fold.train.X, size),
            np.empty((size, part.y.shape[1]), part.y.dtype),
            np.empty(size, theta.dtype),
            np.empty(problem.model.room(max(size, self.CHUNK)), theta.dtype),
        )
        self.losses = np.zeros(len(theta))
        self.compiled = (
            bound.step,
            (
                bound.layout, part.X, part.y, part.weights,
                problem.mean_weight or part.mass / len(part.y), *self.rooms, bound.numbers,
                bound.rates, bound.state,
            ),
        )  # fmt: skip

    def check(self, order: Array, sizes: Sequence[int]) -> None:
        most = self.problem.batch_size
        for size in (min(sizes), max(sizes)):
            if not 0 < size <= most:
                raise ValueError(f"a batch of {size} where batch_size is {most}")
        check_array("batches", order, (sum(sizes),), np.int64)
        check_range("batches", order, len(self.bound.train.y))

    def differentiate(self, batch: Array) -> None:
        self.check(batch, [len(batch)])
        step, own = self.compiled
        taken = self.bound.taken
        step(self.theta, self.gradient, self.left_at, taken, self.losses, batch, *own)

    def sums(self, theta: Array, part: _Arrays, numbers: Array, kept: Array) -> tuple[Array, Array]:
        """Sums of losses and of hits over a part, (rows,) each; kept: see kernels.model_passes."""
        check_array("theta", theta, self.theta.shape, self.theta.dtype)
        totals, hits = np.zeros(len(theta)), np.zeros(len(theta))
        self.evaluation(
            theta, self.left_at, self.bound.layout, part.X, part.y, part.weights, self.CHUNK,
            self.rooms[-1], numbers, totals, hits, kept,
        )  # fmt: skip
        return totals, hits

    def evaluate(self, theta: Array) -> Mapping[str, Array]:
        p, part = self.problem, self.bound.validation
        if part is None or p.fold.validation is None:
            return {}
        shape = (len(theta), len(part.y), p.model.outputs) if p.reported else (0, 0, 0)
        kept = np.full(shape, np.nan, theta.dtype)
        totals, hits = self.sums(theta, part, self.bound.judging, kept)
        score = p.loss.score
        return {
            "validation_loss": totals / part.mass,
            f"validation_{score.__name__}": score(hits, part.y, part.weights),
            **{
                f"validation_{name}": measured(metric, kept, p.fold.validation)
                for name, metric in p.reported.items()
            },
        }

    def training_loss(self, theta: Array) -> Array:
        kept = np.empty((0, 0, 0), theta.dtype)
        train = self.bound.train
        return self.sums(theta, train, self.bound.numbers, kept)[0] / train.mass


def measured(metric: Metric, scores: Array, part: Part) -> Array:
    """A metric of each row (rows,); nan where scores (rows, n, outputs) are not finite."""
    return np.array(
        [metric(own, part.y, part.weights) if np.isfinite(own).all() else np.nan for own in scores]
    )
