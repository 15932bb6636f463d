"""The base class of all estimators: it trains its parameters as one row of a population."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, FitCallback, with_callbacks
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tuner.estimators.callbacks import FitTask, added
from tuner.estimators.components import Loss, Optimizer, Schedule, check_penalty, settled
from tuner.estimators.early_stopping import Patience
from tuner.estimators.limits import COUNT, NON_NEGATIVE, POSITIVE, SHARE, WHOLE, Limit
from tuner.estimators.rows import given, part, rows
from tuner.estimators.state import kept, restored
from tuner.training import losses, optimizers, schedules
from tuner.training.loop import Epoch, Trainer
from tuner.training.models import Model
from tuner.training.population import Member, Population, create, evaluated
from tuner.training.problems import Fold, Supervised

Array = np.ndarray

CHUNK = 4096  # samples scored at once, to limit the memory of activations
HELD_OUT = 0.1  # default share for early stopping


@dataclass(frozen=True)
class Started(Supervised):
    """A problem whose rows start from the parameters of an earlier training."""

    start: Array | None = None

    def initial(self, seed: int) -> Array:
        return super().initial(seed) if self.start is None else self.start


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(CallbackSupportMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A model that an optimizer of tuner.training trains in batches.

    With an integer random_state it learns the same parameters, bit for bit, as the row of a
    population with that seed.

    Args:
        optimizer: a name, or Optimizer(name, lr=..., ...).
        learning_rate: replaces the optimizer's lr; None keeps it.
        schedule: a name, Schedule(name, ...), or a list of Schedules that follow each other.
        batch_size: the number of samples in a step.
        max_iter: the number of epochs. The schedule covers all of them.
        stop_after: the epoch after which training stops all the same; None is the last.
        l1, l2: penalties on the weights W, not on the biases: l1 * |W| + l2 / 2 * |W|^2 is added to
            the mean loss, but not to the losses of the curves.
        validation_fraction: the share of the samples held out for the validation curves if fit
            gets no X_val; None is 0, or 0.1 with early_stopping.
        early_stopping: whether to stop when the validation loss has not fallen by more than tol
            for n_iter_no_change epochs, and to keep the parameters with the lowest loss.
        n_iter_no_change: the number of epochs that early stopping waits.
        tol: the least decrease of the validation loss that counts.
        warm_start: whether fit starts from the parameters of the fit before.
        random_state: fixes the initialisation, the order of the batches and the held-out samples.
        callbacks: scikit-learn's FitCallback objects, called besides those of set_callbacks.

    Attributes:
        theta_: (size,), the parameters, float32 if X was and float64 otherwise.
        history_: a list for each curve, with one number for each epoch.
        n_iter_: the number of epochs.
        n_features_in_: the number of features.
    """

    SIZING: ClassVar[tuple[str, ...]] = ()  # parameters that determine the model's size
    optimizer: str | Optimizer = "adam"
    learning_rate: float | None = None
    schedule: str | Schedule | Sequence[Schedule] = "constant"
    batch_size: int = 32
    max_iter: int = 200
    stop_after: int | None = None
    l1: float = 0.0
    l2: float = 0.0
    validation_fraction: float | None = None
    early_stopping: bool = False
    n_iter_no_change: int = 10
    tol: float = 1e-4
    warm_start: bool = False
    random_state: Any = None
    callbacks: Sequence[FitCallback] | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Defined by families of models.

    @abstractmethod
    def _model(self, outputs: int) -> Model:
        """The model for n_features_in_ features."""

    @abstractmethod
    def _loss(self) -> str | Loss:
        """The loss for the targets seen by fit."""

    def _numbers(self) -> dict[str, float]:
        """The hyperparameters of the model, by name."""
        return {"l1": self.l1, "l2": self.l2}

    def _limits(self) -> dict[str, Limit]:
        """The limits of parameters, by name."""
        return {
            "learning_rate": POSITIVE,
            "stop_after": COUNT,
            **dict.fromkeys(("batch_size", "max_iter", "n_iter_no_change"), WHOLE),
            **dict.fromkeys(("l1", "l2", "tol"), NON_NEGATIVE),
            "validation_fraction": SHARE,
        }

    # Defined by kinds of targets.

    @abstractmethod
    def _targets(self, y: Array) -> Array:
        """Checks raw targets and returns them as an array. Raises ValueError."""

    @abstractmethod
    def _learn(self, y: Array, weights: Array | None, held: Array) -> None:
        """Learns the classes, or the scale of targets without held-out rows; held: mask (rows,)."""

    @abstractmethod
    def _coded(self, y: Array) -> Array:
        """Targets encoded for the loss."""

    @abstractmethod
    def _weighted(self, y: Array, weights: Array | None) -> Array | None:
        """The training weights (rows,), or None for equal weights."""

    # Training.

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Trains for max_iter epochs, or until early stopping or a callback ends the training.

        Args:
            X: (samples, features), dense or sparse.
            y: targets, (samples,) or (samples, outputs).
            sample_weight: (samples,); 2 is a sample given twice, 0 is one left out.
            X_val, y_val, sample_weight_val: a validation set, in place of validation_fraction.

        Returns:
            The estimator.

        Raises:
            ValueError: for data or parameters that are not allowed, and if training diverges.
        """
        self._check_parameters()
        before = dict(vars(self)) if self.warm_start and hasattr(self, "theta_") else {}
        self.__dict__.pop("_state", None)
        seed = self._seed()
        fold, X, y = self._prepared(X, y, sample_weight, X_val, y_val, sample_weight_val, seed)
        problem = self._problem([fold], self._start(before))
        with added(self, self.callbacks or ()):
            self._train(problem, self._member(seed), FitTask(self, X, y, sample_weight))
        return self

    def _record(self, result: Epoch, population: Population) -> None:
        """Records the curves and the parameters of an epoch."""
        if result.left[0]:
            rate = population.members[0].settings["lr"]
            raise ValueError(
                f"learning_rate: {rate:g}: training diverged in epoch {result.epoch}: "
                "give a lower one, or scale X"
            )
        for name, values in result.metrics.items():
            self.history_.setdefault(name, []).append(float(values[0]))
        self.theta_: Array = evaluated(population)[0].copy()
        self.n_iter_ += 1

    def _train(self, problem: Supervised, member: Member, task: FitTask) -> None:
        population = create(problem, [member])
        patience = Patience(self.n_iter_no_change, self.tol)
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0
        with Trainer(problem, self.max_iter) as trainer:
            for epoch in range(1, min(self.max_iter, self.stop_after or self.max_iter) + 1):
                task.begin_epoch()
                self._record(trainer.epoch(population, epoch), population)
                over = task.end_epoch(self._fitted)
                if self.early_stopping:
                    loss = self.history_["validation_loss"][-1]
                    over |= patience.is_over(loss, self.theta_)
                if over:
                    break
        if patience.theta is not None:
            self.theta_ = patience.theta
        task.end()

    def _continue(self, X: Any, y: Array, weights: Array | None, first: bool) -> Self:
        """Trains one epoch on these samples, from the state after the previous epoch."""
        fold = self._fold(X, y, weights, np.zeros(len(y), bool))
        # Not the mean weight of this call, which would cancel the scale of its weights.
        problem = replace(self._problem([fold], None if first else self.theta_), mean_weight=1.0)
        state = getattr(self, "_state", None) or {"seed": self._seed(), "epochs": 0}
        member = self._member(state["seed"])
        population = restored(state, member) or create(problem, [member])
        if first:
            self.history_, self.n_iter_ = {}, 0
        # After its last epoch, a schedule stays at its final value.
        reached = -(-int(population.step[0] + problem.steps) // problem.steps)
        with Trainer(problem, max(self.max_iter, reached)) as trainer:
            self._record(trainer.epoch(population, state["epochs"] + 1), population)
        self._state = kept(population, state["seed"], state["epochs"] + 1)
        return self

    def _fitted(self) -> dict[str, Any]:
        """The attributes that make a copy as fitted as this estimator is now."""
        curves = {name: list(curve) for name, curve in self.history_.items()}
        return {"theta_": self.theta_, "n_iter_": self.n_iter_, "history_": curves}

    def _start(self, before: Mapping[str, Any]) -> Array | None:
        """The parameters of the previous fit to start from, or None."""
        if not before:
            return None
        for name in ("n_features_in_", "n_outputs_", "classes_"):
            now: Any = getattr(self, name, None)
            if not np.array_equal(before.get(name, now), now):
                raise ValueError(f"warm_start: True: {name} differs from that of the fit before")
        return np.asarray(before["theta_"])

    # From parameters to a row.

    def _problem(self, folds: Sequence[Fold], start: Array | None = None) -> Started:
        name, _ = self._loss_and_number()
        model = self._model(self.n_outputs_)
        if start is not None and len(start) != model.size:
            raise ValueError(
                f"{' or '.join(self.SIZING)}: changed since the parameters were fitted, which are "
                f"{len(start)} where {model.size} are needed: change it back, or fit a clone"
            )
        return Started(model, losses.load(name), tuple(folds), self.batch_size, start=start)

    def _member(self, seed: int, trial: int = 0, fold: int = 0) -> Member:
        """This estimator as a row of a population."""
        optimizer, settings = self._optimizer()
        schedule, schedule_settings = self._schedule()
        return Member(
            trial=trial,
            seed=seed,
            optimizer=optimizer,
            settings=settings,
            schedule=schedule,
            schedule_settings=schedule_settings,
            fold=fold,
            model_settings=self._numbers() | self._loss_and_number()[1],
        )

    def _optimizer(self) -> tuple[str, dict[str, float]]:
        name, settings = settled(
            "optimizer",
            self.optimizer,
            optimizers.names(),
            lambda name: optimizers.load(name).hyperparameters,
        )
        if self.learning_rate is not None:
            settings["lr"] = self.learning_rate
        check_penalty(self.l1, name)
        return name, settings

    def _schedule(self) -> tuple[str, dict[str, Any]]:
        hyperparameters = schedules.schedule_hyperparameters
        if isinstance(self.schedule, str) or not isinstance(self.schedule, Sequence):
            return settled("schedule", self.schedule, schedules.names(), hyperparameters)
        parts: dict[str, Any] = {}
        for i, chosen in enumerate(self.schedule):
            name, numbers = settled(
                f"schedule.{i}",
                chosen,
                schedules.names(),
                lambda name: hyperparameters(name) | schedules.PART,
            )
            parts |= {f"{i}.name": name} | {f"{i}.{key}": v for key, v in numbers.items()}
        if not parts:
            raise ValueError("schedule: no schedule: give one or more")
        return schedules.PARTS, parts

    def _loss_and_number(self) -> tuple[str, dict[str, float]]:
        return settled("loss", self._loss(), losses.names(), lambda name: losses.load(name).own)

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral):
            check_random_state(self.random_state)  # raises for an invalid seed
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _check_parameters(self) -> None:
        for name, limit in self._limits().items():
            limit.check(name, getattr(self, name))
        self._optimizer()
        self._schedule()

    # From data to parts.

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, dtype: Any = None
    ) -> tuple[Any, Array, Array | None]:
        """X, y and weights, checked, without samples of weight 0.

        dtype: the dtype of X in an earlier call, if features must match those of that call.
        """
        X, y = validate_data(
            self,
            given(X),
            y,
            accept_sparse="csr",
            dtype=dtype or (np.float64, np.float32),
            order="C",
            multi_output=True,
            reset=dtype is None,
        )
        y = self._targets(y)
        if sample_weight is None:
            return X, y, None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counts = weights > 0
        return (X, y, weights) if counts.all() else (X[counts], y[counts], weights[counts])

    def _prepared(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Any,
        split_by: int,
    ) -> tuple[Fold, Any, Array]:
        """The training and validation parts, and X and y checked; also learns about targets."""
        if X_val is None and not (y_val is None and sample_weight_val is None):
            raise ValueError("X_val: None: give the samples of y_val and sample_weight_val")
        if X_val is not None and y_val is None:
            raise ValueError("y_val: None: give the targets of X_val")
        X, y, weights = self._rows(X, y, sample_weight)
        held = self._held_out(y, X_val, split_by)
        self._learn(y, weights, held)
        fold = self._fold(X, y, weights, held)
        if X_val is not None:
            X_val, y_val, weights_val = self._rows(X_val, y_val, sample_weight_val, X.dtype)
            fold = fold._replace(validation=part(X_val, self._coded(y_val), weights_val))
        return fold, X, y

    def _held_out(self, y: Array, X_val: Any, seed: int) -> Array:
        """A mask of the held-out samples, (samples,) booleans."""
        held = np.zeros(len(y), bool)
        share = self.validation_fraction or (HELD_OUT if self.early_stopping else None)
        if X_val is None and share is not None:
            _, chosen = train_test_split(
                np.arange(len(y)),
                test_size=share,
                random_state=seed % 2**32,
                stratify=self._strata(y),
            )
            held[chosen] = True
        return held

    def _strata(self, y: Array) -> Array | None:
        """The strata of a stratified split, or None."""
        return None

    def _fold(self, X: Any, y: Array, weights: Array | None, held: Array) -> Fold:
        coded, training = self._coded(y), ~held
        fitting = self._weighted(y[training], None if weights is None else weights[training])
        if not held.any():
            return Fold(part(X, coded, fitting), None)
        return Fold(
            part(X[training], coded[training], fitting),
            part(X[held], coded[held], None if weights is None else weights[held]),
        )

    def _scores(self, X: Any) -> Array:
        """Scores (samples, outputs)."""
        check_is_fitted(self, "theta_")
        X = validate_data(
            self, X, accept_sparse="csr", dtype=self.theta_.dtype, order="C", reset=False
        )
        model, count = self._model(self.n_outputs_), X.shape[0]
        starts = range(0, count, CHUNK)
        return np.concatenate([model.scores(self.theta_, rows(X[s : s + CHUNK])) for s in starts])
