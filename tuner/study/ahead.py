"""Ahead: a second process compiles what a training is about to need, while the first one does.

What one of them compiles, the other reads from the cache. The second begins with what the first
needs last.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from tempfile import TemporaryFile
from typing import Any

from tuner.processes import children
from tuner.training.kernels.sparse import CSR
from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.problems import Fold, Part, Problem, Supervised
from tuner.training.transforms import needed, numbers_of

# A problem, and the members that train on it together.
Rows = tuple[Problem, Sequence[Member]]

# The batches of a problem for compilation: a full one, and a smaller last one.
FEW = 2


def needs(member: Member) -> tuple[Any, ...]:
    """The key of the code that trains a member."""
    return member.optimizer, *needed(numbers_of([member]))


def small(problem: Problem) -> Problem:
    """A problem of the same types on a few samples, without metrics."""
    if not isinstance(problem, Supervised):
        return problem
    few = FEW * problem.batch_size - 1
    folds = [
        Fold(few_of(fold.train, few), fold.validation and few_of(fold.validation, few))
        for fold in problem.folds
    ]
    return replace(problem, folds=tuple(folds), metrics=())


def few_of(part: Part, count: int) -> Part:
    """The first samples of a part, in arrays of the same kind."""
    X = part.X
    if isinstance(X, CSR):
        starts = X.starts[: count + 1]
        X = CSR(X.values[: starts[-1]], X.columns[: starts[-1]], starts, X.features)
    else:
        X = X[:count]
    return Part(X, part.y[:count], None if part.weights is None else part.weights[:count])


def differing(members: Sequence[Member]) -> list[Member]:
    """One member of each kind that is trained by code of its own."""
    return list({(m.fold, *needs(m)): m for m in members}.values())


def compile_for(problem: Problem, members: Sequence[Member]) -> None:
    """Compiles the code for these members by training them for an epoch on a few samples."""
    few = small(problem)
    with Trainer(few, 1) as trainer:
        population = create(few, differing(members))
        trainer.start(population)
        trainer.epoch(population, 1)


def start(rows: Sequence[Rows]) -> "subprocess.Popen[Any]":
    """Starts the second process, which ends when all is compiled.

    Args:
        rows: what the first process trains, in this order.

    Raises:
        OSError: if no process can be started.
    """
    few = [(small(problem), differing(members)) for problem, members in rows]
    with TemporaryFile() as file:
        file.write(ForkingPickler.dumps(few))
        file.seek(0)
        return children.start("tuner.study.ahead", stdin=file, stdout=subprocess.DEVNULL)


def main() -> None:
    """The second process: from the last rows to the first, steps before the losses at the start."""
    children.bound()
    for problem, members in reversed(ForkingPickler.loads(sys.stdin.buffer.read())):
        population = create(problem, members)
        with Trainer(problem, 1) as trainer:
            trainer.epoch(population, 1)
        if isinstance(problem, Supervised):
            # What the winner predicts with.
            problem.model.scores(population.theta[0], problem.folds[0].train.X)


if __name__ == "__main__":
    main()
