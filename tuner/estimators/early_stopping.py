"""Early stopping: training ends when the validation loss no longer falls."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass
class Patience:
    """Tracks the lowest loss so far, and the parameters with that loss.

    Attributes:
        epochs: number of epochs to wait for a lower loss.
        tol: the least decrease that counts.
        lowest: the lowest loss so far.
        theta: (size,), the parameters with the lowest loss.
        waited: epochs since the loss last decreased by more than tol.
    """

    epochs: int
    tol: float
    lowest: float = np.inf
    theta: Array | None = None
    waited: int = 0

    def is_over(self, loss: float, theta: Array) -> bool:
        """Whether the loss has not decreased by more than tol for `epochs` epochs."""
        self.waited = 0 if loss < self.lowest - self.tol else self.waited + 1
        if loss < self.lowest or self.theta is None:
            self.lowest, self.theta = loss, theta.copy()
        return self.waited >= self.epochs
