"""Short runs: train many members as one population and return how each ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event

import numpy as np

from tuner.study.events import Listener, StageEpochEnded, nobody
from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.problems import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Ended:
    """The losses of runs, (members,) each, in the order of their members.

    Attributes:
        initial: losses before the first step, by name.
        final: losses of the last epoch, by name; NaN where a run diverged.
    """

    initial: Mapping[str, Array]
    final: Mapping[str, Array]


def short_runs(
    problem: Problem,
    members: Sequence[Member],
    epochs: int,
    threads: int,
    stop: Event,
    tell: Listener = nobody,
) -> Ended:
    """Trains the members as one population, with schedules laid out for these epochs.

    Args:
        problem: the problem of all members.
        members: the members to train.
        epochs: the length of the runs.
        threads: the number of threads that train.
        stop: set to interrupt the training.
        tell: receives an event per epoch.

    Raises:
        Interrupted: when `stop` was set.
    """
    rows = [replace(member, trial=i) for i, member in enumerate(members)]
    with Trainer(problem, epochs, threads, stop) as trainer:
        population = create(problem, rows)
        place = np.argsort([m.trial for m in population.members])
        first, left = trainer.start(population), np.zeros(len(rows), dtype=bool)
        for epoch in range(1, epochs + 1):
            last = trainer.epoch(population, epoch)
            left |= last.left
            tell(StageEpochEnded(epoch, epochs))
    losses = [name for name in ("train_loss", "validation_loss") if name in first.metrics]
    return Ended(
        {name: first.metrics[name][place] for name in losses},
        {name: np.where(left, np.nan, last.metrics[name])[place] for name in losses},
    )
