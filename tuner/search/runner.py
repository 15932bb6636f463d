"""Runners: they train the trials of a cohort epoch by epoch; a race uses only this interface."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

Array = np.ndarray


class Row(NamedTuple):
    """One training of a trial: with one seed, validated on one fold."""

    trial: int
    seed: int = 0
    fold: int = 0


@dataclass(frozen=True)
class Progress:
    """The results of one epoch, for every row.

    Attributes:
        metrics: by name, (rows,) float64 each. `train_loss` feeds the guard; the study minimises
            one of them; all become curves. Numbers of a row that left are ignored.
        left: (rows,) bool, rows whose numbers are no longer finite.
        steps: (rows,) float64, the number of steps that each row has taken.
        left_at: (rows,) float64, the step within an epoch at which a row left, or 0.
        failed: trials that raised an error in the epoch, with the last line of its traceback.
        over: trials whose training had ended on its own before the epoch, with final results.
    """

    metrics: Mapping[str, Array]
    left: Array
    steps: Array
    left_at: Array
    failed: Mapping[int, str] = field(default_factory=dict)
    over: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


class Runner(Protocol):
    """Trains some trials of a cohort in lockstep; all rows of a trial are in one runner.

    A runner that is saved after an epoch can be restored into a new one of the same trials, which
    continues to the same numbers.
    """

    @property
    def rows(self) -> Sequence[Row]:
        """The running rows, in the order of all arrays."""

    @property
    def steps(self) -> int:
        """Number of steps per epoch."""

    @property
    def momentum(self) -> Array:
        """(rows,), the share of the velocity that a row keeps per step; 0 without momentum."""

    def start(self) -> Mapping[str, Array]:
        """Metrics before the first step, (rows,) float64 each."""

    @property
    def at_rest(self) -> bool:
        """Whether the state after the last epoch can be saved now."""
        return True

    def expect(self, after: int, until: int) -> None:
        """Announces that all rows, now after one epoch, will be trained up to another, so that the
        runner may begin early."""
        return None

    def epoch(self, epoch: int) -> Progress:
        """Trains every row through an epoch, counted from 1.

        Raises:
            Interrupted: a stop was requested.
        """

    def keep(self, trials: Collection[int]) -> None:
        """Continues with the rows of these trials only."""

    def close(self) -> None:
        """Ends all work that still runs; called when the race is over or was stopped."""
        return None

    def save(self, folder: Path) -> None:
        """Writes the state after the last epoch into an empty folder, as plain data."""

    def restore(self, folder: Path) -> None:
        """Restores a saved state, instead of `start`.

        Raises:
            ValueError: the folder does not hold a state of these trials.
        """
