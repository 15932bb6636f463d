"""Early stopping: training ends when the validation loss no longer falls."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass
class Patience:
    """The lowest loss so far, and the parameters that had it.

    Attributes:
        epochs: how many to wait for a lower loss.
        tol: by how much it must be lower to count.
        lowest: the lowest loss so far.
        theta: (size,), the parameters that had it.
        waited: epochs since it fell.
    """

    epochs: int
    tol: float
    lowest: float = np.inf
    theta: Array | None = None
    waited: int = 0

    def is_over(self, loss: float, theta: Array) -> bool:
        """Whether the loss has not fallen by more than tol for so many epochs."""
        self.waited = 0 if loss < self.lowest - self.tol else self.waited + 1
        if loss < self.lowest or self.theta is None:
            self.lowest, self.theta = loss, theta.copy()
        return self.waited >= self.epochs
