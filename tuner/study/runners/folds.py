"""A runner for folds of different shapes: joins one runner per shape."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from tuner.search.runner import Progress, Row, Runner

Array = np.ndarray


class FoldsRunner(Runner):
    """Several runners of the same trials, each on some of the folds.

    Args:
        parts: pairs of fold numbers and a runner; the runner's fold i is the i-th of these numbers.
            All runners have the same metrics and the same number of steps in an epoch.
    """

    def __init__(self, parts: Sequence[tuple[Sequence[int], Runner]]) -> None:
        self.parts = parts

    @property
    def runners(self) -> list[Runner]:
        """The runners of all parts."""
        return [runner for _, runner in self.parts]

    @property
    def rows(self) -> list[Row]:
        return [
            row._replace(fold=folds[row.fold])
            for folds, runner in self.parts
            for row in runner.rows
        ]

    @property
    def steps(self) -> int:
        return self.runners[0].steps

    @property
    def momentum(self) -> Array:
        return np.concatenate([runner.momentum for runner in self.runners])

    def start(self) -> Mapping[str, Array]:
        return joined([runner.start() for runner in self.runners])

    def epoch(self, epoch: int) -> Progress:
        done = [runner.epoch(epoch) for runner in self.runners]
        return Progress(
            joined([own.metrics for own in done]),
            np.concatenate([own.left for own in done]),
            np.concatenate([own.steps for own in done]),
            np.concatenate([own.left_at for own in done]),
        )

    def keep(self, trials: Collection[int]) -> None:
        for runner in self.runners:
            runner.keep(trials)

    def save(self, folder: Path) -> None:
        for place, runner in enumerate(self.runners):
            own = folder / str(place)
            own.mkdir()
            runner.save(own)

    def restore(self, folder: Path) -> None:
        for place, runner in enumerate(self.runners):
            runner.restore(folder / str(place))


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The metrics of all rows: those of the parts, concatenated."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
