"""The factors of a schedule in a user's training loop: they multiply its learning rate."""

from functools import lru_cache

import numpy as np

from tuner.codec import Settings
from tuner.training import schedules


class Factors:
    """A schedule of the config as a function of the step.

    The factor is the schedule's rate for an optimizer's rate of 1; PyTorch's LambdaLR takes such a
    function. It is a pure function, so a resumed call continues where it was.

    Args:
        name: the schedule's name.
        settings: its hyperparameters.
        epochs: the epochs of the training.
    """

    def __init__(self, name: str, settings: Settings, epochs: int) -> None:
        self.name, self.settings, self.epochs = name, dict(settings), epochs

    def __call__(self, step: int, steps: int | None = None) -> float:
        """The factor of a step.

        Args:
            step: counted from 0. The step after the last one, which PyTorch's schedulers request at
                the end, counts as the last.
            steps: the number of steps of the whole training; by default one per epoch.

        Raises:
            ValueError: if the step is out of range.
        """
        total = self.epochs if steps is None else int(steps)
        if not 0 <= step <= total:
            raise ValueError(f"step {step}: must be at least 0 and below {total}, the steps in all")
        return float(self._table(total)[min(step, total - 1)])

    @lru_cache(maxsize=4)  # noqa: B019 (a call has one, which ends with it)
    def _table(self, total: int) -> np.ndarray:
        epoch = max(1, total // self.epochs)
        steps = np.arange(total)[None]
        found = schedules.table([self.name], [self.settings], np.ones(1), steps, total, epoch)
        return np.asarray(found[0])
