"""What a reader hands over: raw rows and targets, not yet split or scaled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Source:
    """Raw rows and what to predict from them.

    where: the config key and value that named the source, the start of every error about it
    rows: (n, inputs), any numeric dtype; kept as it was read, so bytes stay bytes
    targets: labels, (n,) of any dtype but float; or floats to predict, (n, outputs)
    read_test: reads a test part that is kept apart, as (rows, targets); None when the test part
        has to be split off
    """

    where: str
    rows: np.ndarray
    targets: np.ndarray
    read_test: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None

    @property
    def classes(self) -> np.ndarray | None:
        """The labels that occur, sorted; None for regression."""
        return None if self.targets.dtype.kind == "f" else np.unique(self.targets)

    @property
    def groups(self) -> np.ndarray:
        """(n,) what every part has its share of: the labels, or zeros for regression."""
        return np.zeros(len(self.targets)) if self.classes is None else self.targets
