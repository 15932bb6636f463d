"""Runners: they train the trials of a cohort epoch by epoch; a race uses only this interface."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

Array = np.ndarray


class Row(NamedTuple):
    """One training of a trial: under a seed, judged on a fold."""

    trial: int
    seed: int = 0
    fold: int = 0


@dataclass(frozen=True)
class Progress:
    """What an epoch did to every row.

    Attributes:
        metrics: by name, (rows,) float64 each. `train_loss` feeds the guard; one of them is what
            the study minimises; all become curves. Numbers of a row that left are not read.
        left: (rows,) bool, rows whose numbers are not finite any more.
        steps: (rows,) float64, the steps that each row has taken.
        left_at: (rows,) float64, the step within an epoch at which a row left, or 0.
        failed: trials that raised an error in the epoch, with the last line of its traceback.
        over: trials whose training had ended by itself before the epoch, with final results.
    """

    metrics: Mapping[str, Array]
    left: Array
    steps: Array
    left_at: Array
    failed: Mapping[int, str] = field(default_factory=dict)
    over: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


class Runner(Protocol):
    """Trains some trials of a cohort in lockstep; all rows of a trial are with one runner.

    A runner saved after an epoch and restored into a new one of the same trials goes on as if
    nothing had happened.
    """

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that are under way, in the order of all arrays."""

    @property
    def steps(self) -> int:
        """Steps in an epoch."""

    @property
    def momentum(self) -> Array:
        """(rows,), the share of its velocity that a row keeps from step to step, 0 for none."""

    def start(self) -> Mapping[str, Array]:
        """Metrics before the first step, (rows,) float64 each."""

    @property
    def at_rest(self) -> bool:
        """Whether the state after the last epoch is at hand, so that it can be saved."""
        return True

    def expect(self, after: int, until: int) -> None:
        """All rows stand after an epoch and will be trained up to another one: what can be begun
        may be."""
        return None

    def epoch(self, epoch: int) -> Progress:
        """Trains every row through an epoch, counted from 1.

        Raises:
            Interrupted: if the training was asked to stop.
        """

    def keep(self, trials: Collection[int]) -> None:
        """Goes on with the rows of these trials alone."""

    def close(self) -> None:
        """Ends what is still under way, when the race is over or was stopped."""
        return None

    def save(self, folder: Path) -> None:
        """Writes the state after the last epoch into an empty folder, as plain data."""

    def restore(self, folder: Path) -> None:
        """Takes up a saved state in place of `start`.

        Raises:
            ValueError: if the folder holds none of these trials.
        """
