"""The factors of a schedule in a user's training loop: they multiply its learning rate."""

from functools import lru_cache

import numpy as np

from tuner.codec import Settings
from tuner.training import schedules


class Factors:
    """A schedule of the config as a function of the step.

    The factor is the rate of the schedule for an optimizer's rate of 1 (PyTorch's LambdaLR takes
    such a function). It is a pure function, so a call that is taken up goes on where it was.

    Args:
        name: of the schedule.
        settings: its hyperparameters.
        epochs: of the training.
    """

    def __init__(self, name: str, settings: Settings, epochs: int) -> None:
        self.name, self.settings, self.epochs = name, dict(settings), epochs

    def __call__(self, step: int, steps: int | None = None) -> float:
        """The factor of a step.

        Args:
            step: counted from 0; that of the end, which PyTorch's schedulers ask for when all
                steps are done, is as the last.
            steps: of the whole training; the epochs where none are given, for a step an epoch.

        Raises:
            ValueError: if the step is none of these.
        """
        total = self.epochs if steps is None else int(steps)
        if not 0 <= step <= total:
            raise ValueError(f"step {step}: must be at least 0 and below {total}, the steps in all")
        return float(self._table(total)[min(step, total - 1)])

    @lru_cache(maxsize=4)  # noqa: B019 (a call has one, and ends with it)
    def _table(self, total: int) -> np.ndarray:
        epoch = max(1, total // self.epochs)
        steps = np.arange(total)[None]
        found = schedules.table([self.name], [self.settings], np.ones(1), steps, total, epoch)
        return np.asarray(found[0])
