"""What the training tests share: small problems of every kind, and members with drawn settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from tuner.training import activations, functions, losses, optimizers, schedules
from tuner.training.analytic import Analytic
from tuner.training.domains import Hyperparameter
from tuner.training.functions import Function
from tuner.training.kernels.sparse import CSR
from tuner.training.loop import Epoch, Trainer
from tuner.training.models import MLP
from tuner.training.population import Member, Population, create
from tuner.training.problems import Fold, Objective, Part, Problem, Supervised

# Every task with a number of outputs that suits it.
TASKS = {task: {"binary": 1, "multiclass": 4}.get(task, 3) for task in losses.TASKS}

# Each pair of an activation and a task is compiled apart, for each dtype, which takes seconds on a
# fresh machine: the quick tests have each task and each dtype once, the slow ones all of them.
# Uncompiled, as `interpreted` makes them, all kinds of models and losses are in the quick tests.
_ACTIVATIONS, _TASKS = sorted(activations.names(), reverse=True), sorted(TASKS, reverse=True)
QUICK = set(zip(_ACTIVATIONS, _TASKS, strict=False))
# The task whose quick tests are in float32 as well, and the rules that they compile for it.
ROUNDED = "multiclass"
ROUNDED_RULES = optimizers.names()[optimizers.names().index("sgd") % 5 :: 5]
# Dtypes with the optimizers of a population.
TYPED_RULES = [
    pytest.param(np.float64, optimizers.names(), id="float64"),
    pytest.param(np.float32, ROUNDED_RULES, id="float32"),
    pytest.param(np.float32, optimizers.names(), id="float32 of all", marks=pytest.mark.slow),
]


def case(*values: Any, quick: bool) -> Any:
    """A case of a test, slow or not."""
    named = [getattr(value, "__name__", str(value)) for value in values]
    return pytest.param(*values, id="-".join(named), marks=() if quick else pytest.mark.slow)


def by_rule(*others: Sequence[Any]) -> list[Any]:
    """All combinations of an optimizer, one of each of these values, and a dtype.

    Quick are those in which each optimizer meets one of each of the others, in turn, in float32 if
    it is one of ROUNDED_RULES and in float64 otherwise.
    """
    cases = []
    for i, name in enumerate(optimizers.names()):
        first = tuple(values[i % len(values)] for values in others)
        usual = np.float32 if name in ROUNDED_RULES else np.float64
        cases += [
            case(name, *values, dtype, quick=values == first and dtype is usual)
            for values in product(*others)
            for dtype in (np.float32, np.float64)
        ]
    return cases


# Pairs of activation and task; and those with a dtype.
PAIRS = [case(a, t, quick=(a, t) in QUICK) for a in _ACTIVATIONS for t in _TASKS]
ROUNDED_PAIRS = [
    case(a, t, quick=(a, t) in QUICK and t == ROUNDED) for a in _ACTIVATIONS for t in _TASKS
]
TYPED_PAIRS = [
    case(a, t, dtype, quick=(a, t) in QUICK and (dtype is np.float64 or t == ROUNDED))
    for dtype in (np.float32, np.float64)
    for a in _ACTIVATIONS
    for t in _TASKS
]

# Hidden layers in turn, so that every activation and task meets several and none of its pairs
# takes all of them; without hidden layers an activation changes nothing.
_WIDTHS = [(6,), (8, 5, 3)]
SHAPED_PAIRS = [
    pytest.param(*own.values, _WIDTHS[i % len(_WIDTHS)], marks=own.marks)
    for i, own in enumerate(TYPED_PAIRS)
]
SHAPED_PAIRS += [
    pytest.param(*own.values, (), marks=own.marks)
    for own in TYPED_PAIRS
    if own.values[0] == _ACTIVATIONS[0]
]


def rules_of(activation: str, task: str, dtype: Any) -> list[str]:
    """The optimizers that meet one of TYPED_PAIRS: all, or few where that is quick in float32."""
    quick = (activation, task) in QUICK and task == ROUNDED
    return ROUNDED_RULES if quick and dtype is np.float32 else optimizers.names()


def targets(task: str, samples: int, rng: np.random.Generator, dtype: Any) -> np.ndarray:
    """Random targets, as a part has them; numbers are above 0, which every loss can learn."""
    if task == "regression":
        return rng.gamma(2.0, size=(samples, TASKS[task])).astype(dtype)
    if task == "multilabel":
        return rng.integers(0, 2, (samples, TASKS[task])).astype(dtype)
    return rng.integers(0, max(2, TASKS[task]), samples)


def interpreted(function: Any, **meanings: Any) -> Any:
    """What `specialised` makes, but left to Python: nothing has to be compiled for it."""
    plain = {name: getattr(meaning, "py_func", meaning) for name, meaning in meanings.items()}
    return FunctionType(function.__code__, {**function.__globals__, **plain})


def compressed(X: np.ndarray) -> CSR:
    """The same rows as CSR."""
    samples, columns = np.nonzero(X)
    starts = np.searchsorted(samples, np.arange(len(X) + 1))
    return CSR(X[samples, columns], columns.copy(), starts, X.shape[1])


def supervised(
    task: str = "multiclass",
    hidden: tuple[int, ...] = (),
    activation: str | None = None,
    dtype: Any = np.float64,
    *,
    loss: str | None = None,
    samples: int = 60,
    features: int = 7,
    batch_size: int = 16,
    weighted: bool = False,
    sparse: bool = False,
    folds: int = 1,
    model: Any = MLP,
    **shape: Any,
) -> Supervised:
    """A problem on random data; by default its last batch is smaller than the others.

    Without an activation it takes one that the quick tests compile for the task; without a loss the
    usual one.
    """
    rng = np.random.default_rng(5)

    def part(count: int) -> Part:
        X = rng.normal(size=(count, features)).astype(dtype)
        y = targets(task, count, rng, dtype)
        if sparse:
            X *= rng.random(X.shape) < 0.4
        weights = rng.gamma(1.0, size=count).astype(dtype) if weighted else None
        return Part(compressed(X) if sparse else X, y, weights)

    if model is MLP:
        shape |= {"hidden": hidden}
        shape["activation"] = activation or next(a for a, t in sorted(QUICK) if t == task)
    return Supervised(
        model(features, TASKS[task], **shape),
        losses.load(loss or losses.fitting(task)[0]),
        tuple(Fold(part(samples + 5 * fold), part(20)) for fold in range(folds)),
        batch_size,
    )


@dataclass(frozen=True)
class Bowl(Problem):
    """0.5 * sum(eigenvalues * x**2), its minimum 0 at the origin, `steps` exact steps an epoch."""

    eigenvalues: tuple[float, ...] = (1.0,)
    start: float = 1.0
    steps: int = 1
    dtype: Any = field(default_factory=lambda: np.dtype(np.float64))
    batched = False

    @property
    def size(self) -> int:
        return len(self.eigenvalues)

    def initial(self, seed: int) -> np.ndarray:
        return np.full(self.size, self.start)

    def batches(self, seed: int, epoch: int) -> Sequence[np.ndarray]:
        return [np.zeros(1, dtype=int)] * self.steps

    def attach(
        self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray
    ) -> "BowlObjective":
        return BowlObjective(self, theta, gradient)


class BowlObjective(Objective):
    def __init__(self, problem: Bowl, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.problem, self.theta, self.gradient = problem, theta, gradient
        self.losses = np.zeros(len(theta))

    def differentiate(self, batch: np.ndarray) -> None:
        np.multiply(self.theta, self.problem.eigenvalues, out=self.gradient)
        self.losses[:] = self.training_loss(self.theta)

    def evaluate(self, theta: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"validation_loss": self.training_loss(theta)}

    def training_loss(self, theta: np.ndarray) -> np.ndarray:
        return 0.5 * np.square(theta.astype(np.float64)) @ np.array(self.problem.eigenvalues)


@dataclass(frozen=True)
class Rosenbrock(Analytic):
    """Rosenbrock's valley, `steps` exact steps an epoch."""

    function: Function = field(default_factory=functions.Rosenbrock)
    steps: int = 1


def member(
    optimizer: str = "sgd",
    *,
    trial: int = 0,
    seed: int = 0,
    schedule: str = "constant",
    schedule_settings: Mapping[str, float] | None = None,
    fold: int = 0,
    model_settings: Mapping[str, float] | None = None,
    **settings: float,
) -> Member:
    """A member with the Python defaults, but for what is given."""
    laid_out = schedules.schedule_hyperparameters(schedule)
    known = optimizers.load(optimizer).hyperparameters
    return Member(
        trial,
        seed,
        optimizer,
        {name: h.default for name, h in known.items()} | settings,
        schedule,
        {name: h.default for name, h in laid_out.items()} | dict(schedule_settings or {}),
        fold,
        dict(model_settings or {}),
    )


def drawn(hyperparameter: Hyperparameter, rng: np.random.Generator) -> float:
    """A number of the domain, near the default."""
    fallback = {"weight_decay": 0.05, "clip_norm": 1.0}.get(hyperparameter.name)
    if fallback is not None:
        return float(rng.choice([hyperparameter.default, fallback, fallback / 2]))
    value = hyperparameter.default * rng.uniform(0.8, 1.2)
    return float(value) if value in hyperparameter.domain else hyperparameter.default


def drawn_settings(optimizer: str, rng: np.random.Generator) -> dict[str, float]:
    known = optimizers.load(optimizer).hyperparameters
    return {name: drawn(h, rng) for name, h in known.items()}


def mixed_members(
    count: int, seeds: Sequence[int] = (0,), rules: Sequence[str] = ()
) -> list[Member]:
    """Members of every optimizer, or these, and schedule in turn, each with its own settings."""
    rng = np.random.default_rng(11)
    names, plans = rules or optimizers.names(), schedules.names()
    return [
        member(
            names[i % len(names)],
            trial=i,
            seed=seeds[i % len(seeds)],
            schedule=plans[i % len(plans)],
            **drawn_settings(names[i % len(names)], rng),
        )
        for i in range(count)
    ]


def train(
    problem: Problem,
    population: Population,
    epochs: Sequence[int],
    total: int = 6,
    threads: int = 1,
) -> list[Epoch]:
    """Trains in place through the epochs of these numbers."""
    with Trainer(problem, total, threads) as trainer:
        return [trainer.epoch(population, epoch) for epoch in epochs]


def trained(
    problem: Problem, members: Sequence[Member], epochs: int = 3, threads: int = 1
) -> tuple[Population, list[Epoch]]:
    """A fresh population after so many epochs, and what they said."""
    population = create(problem, members)
    return population, train(problem, population, range(1, epochs + 1), threads=threads)


def everything(population: Population, epochs: Sequence[Epoch] = ()) -> dict[int, dict[str, Any]]:
    """All that is known of each row, by trial: parameters, slots, step and curves."""
    known: dict[int, dict[str, Any]] = {}
    for row, m in enumerate(population.members):
        place = population.rows_of(m.optimizer).index(row)
        known[m.trial] = {
            "theta": population.theta[row].copy(),
            "slots": [slot[place].copy() for slot in population.slots[m.optimizer]],
            "step": population.step[row],
            "left_at": population.left_at[row],
            "curves": [{k: v[row] for k, v in e.metrics.items()} for e in epochs],
        }
    return known


def assert_identical(row: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Both rows are the same bit by bit."""
    np.testing.assert_array_equal(row["theta"], other["theta"])
    for mine, theirs in zip(row["slots"], other["slots"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # Where a row left for it, nan is as good as nan.
    for key in ("step", "left_at", "curves"):
        np.testing.assert_equal(row[key], other[key])
