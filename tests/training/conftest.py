"""What the training tests share: small problems of every kind, and members with drawn settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tuner.training import activations, optimizers, schedules
from tuner.training.domains import Hyperparameter
from tuner.training.loop import Epoch, Trainer
from tuner.training.losses import LOSSES
from tuner.training.models import MLP
from tuner.training.population import Member, Population, create
from tuner.training.problems import Objective, Problem, Supervised

# Every task with a number of outputs that suits it.
TASKS = {task: {"binary": 1, "multiclass": 4}.get(task, 3) for task in LOSSES}


# Each pair of an activation and a loss is compiled apart, which takes seconds on a fresh machine:
# the quick tests have each of both once, the slow ones all pairs.
_ACTIVATIONS, _TASKS = sorted(activations.names(), reverse=True), sorted(TASKS, reverse=True)
_COUNT = max(len(_ACTIVATIONS), len(_TASKS))
QUICK = {(_ACTIVATIONS[i % len(_ACTIVATIONS)], _TASKS[i % len(_TASKS)]) for i in range(_COUNT)}
PAIRS = [
    pytest.param(
        activation,
        task,
        id=f"{activation}-{task}",
        marks=() if (activation, task) in QUICK else pytest.mark.slow,
    )
    for activation in _ACTIVATIONS
    for task in _TASKS
]


def targets(task: str, samples: int, rng: np.random.Generator, dtype: Any) -> np.ndarray:
    """Random targets (samples,) of classes or (samples, outputs) of numbers."""
    if task == "regression":
        return rng.normal(size=(samples, TASKS[task])).astype(dtype)
    return rng.integers(0, max(2, TASKS[task]), samples)


def supervised(
    task: str = "multiclass",
    hidden: tuple[int, ...] = (),
    activation: str | None = None,
    dtype: Any = np.float64,
    *,
    samples: int = 60,
    features: int = 7,
    batch_size: int = 16,
) -> Supervised:
    """A problem on random data; by default its last batch is smaller than the others.

    Without an activation it takes one that the quick tests compile for the task.
    """
    activation = activation or next(a for a, t in sorted(QUICK) if t == task)
    rng = np.random.default_rng(5)
    parts = [
        (rng.normal(size=(n, features)).astype(dtype), targets(task, n, rng, dtype))
        for n in (samples, 20)
    ]
    model = MLP(features, TASKS[task], hidden, activation)
    (X, y), (X_validation, y_validation) = parts
    return Supervised(model, LOSSES[task], X, y, X_validation, y_validation, batch_size)


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
class Rosenbrock(Problem):
    """(1 - x)**2 + 100 (y - x**2)**2 from (-1.2, 1), `steps` exact steps an epoch."""

    steps: int = 1
    dtype: Any = field(default_factory=lambda: np.dtype(np.float64))
    batched = False
    size = 2

    def initial(self, seed: int) -> np.ndarray:
        return np.array([-1.2, 1.0])

    def batches(self, seed: int, epoch: int) -> Sequence[np.ndarray]:
        return [np.zeros(1, dtype=np.int64)] * self.steps

    def attach(
        self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray
    ) -> "RosenbrockObjective":
        return RosenbrockObjective(theta, gradient)


class RosenbrockObjective(Objective):
    def __init__(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.theta, self.gradient = theta, gradient
        self.losses = np.zeros(len(theta))

    def differentiate(self, batch: np.ndarray) -> None:
        x, y = self.theta.T
        self.gradient[:, 0] = -2 * (1 - x) - 400 * x * (y - x**2)
        self.gradient[:, 1] = 200 * (y - x**2)
        self.losses[:] = self.training_loss(self.theta)

    def evaluate(self, theta: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"validation_loss": self.training_loss(theta)}

    def training_loss(self, theta: np.ndarray) -> np.ndarray:
        x, y = theta.T
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def member(
    optimizer: str = "sgd",
    *,
    trial: int = 0,
    seed: int = 0,
    schedule: str = "constant",
    schedule_settings: Mapping[str, float] | None = None,
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


def mixed_members(count: int, seeds: Sequence[int] = (0,)) -> list[Member]:
    """Members of every optimizer and schedule in turn, each with settings of its own."""
    rng = np.random.default_rng(11)
    names, plans = optimizers.names(), schedules.names()
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
    assert {k: row[k] for k in ("step", "left_at", "curves")} == {
        k: other[k] for k in ("step", "left_at", "curves")
    }
