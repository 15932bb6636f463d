"""DeepOBS quadratic_deep: published training curves, run again by tuner's population.

The problem (Schneider, Balles & Hennig 2019) is a noisy quadratic in 100 dimensions. Its authors
published a run of SGD, Momentum 0.99 and Adam for 36 learning rates each, without the order of
their batches, which decides the last 0.2 %. So all 108 are run under several orders, as rows of one
population, and compared twice: as the median over the orders of each setting's final loss, and
order by order. The comparison counts how many diverge where the published ones do, and how many
stable ones end within 0.2 % of the published test loss.

    python benchmarks/deepobs.py --curves <folder>/deepobs_baselines_curves.npz
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuner.training import optimizers
from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.problems import Objective, Problem

Array = np.ndarray

DIMENSIONS, SAMPLES, BATCH, EPOCHS, DEVIATION = 100, 1000, 128, 100, 0.6
SEED = 42
OPTIMIZERS = {
    "GradientDescentOptimizer": ("sgd", {}),
    "MomentumOptimizer": ("momentum", {"momentum": 0.99}),
    "AdamOptimizer": ("adam", {}),
}


def rotation(rng: np.random.RandomState, dimensions: int) -> Array:
    """A random rotation by the subgroup algorithm (Diaconis & Shahshahani 1987)."""
    angle = 2 * np.pi * rng.uniform()
    R = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for d in range(3, dimensions + 1):
        direction = rng.normal(size=d)
        mirror = -direction / np.linalg.norm(direction)
        mirror[0] += 1.0
        mirror /= np.linalg.norm(mirror)
        larger = np.eye(d)
        larger[1:, 1:] = R
        R = larger - 2 * np.outer(mirror, mirror @ larger)
    return -R


@dataclass(frozen=True)
class NoisyQuadratic(Problem):
    """0.5 (theta - x)' Q (theta - x), averaged over samples x; theta starts at ones."""

    Q: Array
    X: Array
    X_test: Array
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.float64))
    batched = False

    @property
    def size(self) -> int:
        return DIMENSIONS

    @property
    def steps(self) -> int:
        return SAMPLES // BATCH

    def initial(self, seed: int) -> Array:
        return np.ones(DIMENSIONS)

    def batches(self, seed: int, epoch: int) -> list[Array]:
        """Drops the incomplete batch, and always keeps the order of the first epoch."""
        order = np.random.RandomState(seed).permutation(SAMPLES)
        return list(order[: self.steps * BATCH].reshape(self.steps, BATCH))

    def attach(self, theta: Array, gradient: Array, left_at: Array) -> "NoisyObjective":
        return NoisyObjective(self, theta, gradient)


class NoisyObjective(Objective):
    def __init__(self, problem: NoisyQuadratic, theta: Array, gradient: Array) -> None:
        self.problem, self.theta, self.gradient = problem, theta, gradient
        self.losses = np.zeros(len(theta))

    def differentiate(self, batch: Array) -> None:
        difference = self.theta - self.problem.X[batch].mean(axis=0)
        np.matmul(difference, self.problem.Q, out=self.gradient)
        self.losses[:] = (self.gradient * difference).sum(axis=1)

    def training_loss(self, theta: Array) -> Array:
        return self.mean_loss(theta, self.problem.X)

    def mean_loss(self, theta: Array, X: Array) -> Array:
        """The mean over samples: the quadratic at their centre plus the part from their scatter."""
        Q, centre = self.problem.Q, X.mean(axis=0)
        scatter = 0.5 * (((X - centre) @ Q) * (X - centre)).sum(axis=1).mean()
        difference = theta - centre
        losses: Array = 0.5 * ((difference @ Q) * difference).sum(axis=1) + scatter
        return losses

    def evaluate(self, theta: Array) -> dict[str, Array]:
        return {"validation_loss": self.mean_loss(theta, self.problem.X_test)}


def problem() -> NoisyQuadratic:
    rng = np.random.RandomState(SEED)
    eigenvalues = np.concatenate([rng.uniform(0, 1, 90), rng.uniform(30, 60, 10)])
    R = rotation(rng, DIMENSIONS)
    X, X_test = (
        np.random.RandomState(seed).normal(0.0, DEVIATION, (SAMPLES, DIMENSIONS))
        for seed in (SEED, SEED + 1)
    )
    # DeepOBS's evaluation also drops the incomplete batch, and does not shuffle the test part.
    return NoisyQuadratic(R.T @ np.diag(eigenvalues) @ R, X, X_test[: SAMPLES // BATCH * BATCH])


def run(rates: dict[str, Array], seeds: list[int]) -> dict[str, Array]:
    """Final test losses by optimizer, (seeds, rates); inf for a row that became non-finite."""
    members, places = [], []
    for label, (name, own) in OPTIMIZERS.items():
        defaults = {k: h.default for k, h in optimizers.load(name).hyperparameters.items()}
        for i, rate in enumerate(rates[label]):
            settings = {**defaults, **own, "lr": float(rate)}
            for seed in seeds:
                members.append(Member(len(members), seed, name, settings, "constant", {}))
                places.append((label, seeds.index(seed), i))
    noisy = problem()
    population = create(noisy, members)
    with Trainer(noisy, EPOCHS) as trainer:
        for epoch in range(1, EPOCHS + 1):
            result = trainer.epoch(population, epoch)
    losses = np.where(result.left, np.inf, result.metrics["validation_loss"])
    ended = {label: np.empty((len(seeds), len(rates[label]))) for label in OPTIMIZERS}
    for member, loss in zip(population.members, losses, strict=True):
        label, seed, i = places[member.trial]
        ended[label][seed, i] = loss
    return ended


def published(path: Path) -> tuple[dict[str, Array], dict[str, Array], float]:
    """Rates and final test losses by optimizer, and the initial test loss."""
    curves = np.load(path, allow_pickle=False)
    these = (curves["problem"] == "quadratic_deep") & (curves["seed"] == SEED)
    rates, losses = {}, {}
    for label in OPTIMIZERS:
        rows = np.flatnonzero(these & (curves["optimizer"] == label))
        rows = rows[np.unique(curves["lr"][rows], return_index=True)[1]]
        rates[label] = curves["lr"][rows]
        losses[label] = curves["test"][rows, curves["n_logged"][rows] - 1]
    return rates, losses, float(curves["test"][rows[0], 0])


def compare(ours: Array, theirs: Array, start: float) -> dict[str, int]:
    """Agreement of runs (rates,) with the published ones; ending above the start is divergence."""
    diverged, diverged_then = (~(np.nan_to_num(x, nan=np.inf) <= start) for x in (ours, theirs))
    stable = ~diverged & ~diverged_then
    near = np.abs(ours[stable] / theirs[stable] - 1) <= 0.002
    return {
        "runs": len(ours),
        "divergence agrees": int((diverged == diverged_then).sum()),
        "stable": int(stable.sum()),
        "within 0.2 %": int(near.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, required=True, help="the published curves (.npz)")
    parser.add_argument("--orders", type=int, default=25, help="how many orders of the batches")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rates, theirs, start = published(arguments.curves)
    ours = run(rates, list(range(arguments.orders)))
    report = {
        label: {
            "median": compare(np.median(ours[label], axis=0), theirs[label], start),
            "orders": [compare(one, theirs[label], start) for one in ours[label]],
        }
        for label in OPTIMIZERS
    }
    if arguments.json:
        print(json.dumps(report))
        return
    print("the median over the orders; in brackets, one order alone: lowest, median, highest")
    for label, part in report.items():
        print(label)
        for key, number in part["median"].items():
            print(
                f"    {key:<18} {number:>3}  ({spread([order[key] for order in part['orders']])})"
            )
    agree = "divergence agrees"
    orders = np.sum([[one[agree] for one in part["orders"]] for part in report.values()], axis=0)
    median = sum(part["median"][agree] for part in report.values())
    print(f"divergence agrees in {median} ({spread(orders)}) of {sum(map(len, rates.values()))}")


def spread(numbers: Sequence[int]) -> str:
    """Lowest, median and highest."""
    ordered = sorted(int(number) for number in numbers)
    return f"{ordered[0]}, {ordered[len(ordered) // 2]}, {ordered[-1]}"


if __name__ == "__main__":
    main()
