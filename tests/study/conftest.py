"""What the tests of the loop share: trials of a plain function, which has no optimizer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuner.search.pruners import Pruner
from tuner.search.pruners.halving import Halving
from tuner.search.runner import Progress, Row, Runner
from tuner.search.samplers.quasi_random import QuasiRandom
from tuner.search.space import Choices, Range, Space
from tuner.search.trials import Goal, Trial
from tuner.study.events import Event, Listener
from tuner.study.loop import Loop
from tuner.study.record import Record
from tuner.study.stopping import Limits, Stopping
from tuner.study.study import Study

Array = np.ndarray

SPACE = Space({}, {"x": Range(0.0, 1.0), "width": Choices((1, 2, 4))}, {})
# What is above this diverges in its first epoch.
STABLE = 0.85
COHORT, EPOCHS = 6, 10


def error(x: float, width: int, epoch: int, seed: int) -> float:
    """Falls with the epochs to a level that the settings and, a little, the seed decide."""
    level = 0.1 + (x - 0.3) ** 2 + 0.01 / width + 1e-4 * (seed % 97 + width * (seed % 7))
    return level + 2.0 * 0.6**epoch if x < STABLE or not epoch else np.nan


class FunctionRunner(Runner):
    """Trials of the function, all rows in one list; what a user who has only a function writes."""

    steps = 1

    def __init__(self, training: "FunctionTraining", rows: Mapping[Row, Mapping]) -> None:
        self.training, self.settings = training, dict(rows)

    @property
    def rows(self) -> list[Row]:
        return list(self.settings)

    @property
    def momentum(self) -> Array:
        return np.zeros(len(self.settings))

    def start(self) -> dict[str, Array]:
        return self.metrics(0)

    def epoch(self, epoch: int) -> Progress:
        self.training.before(epoch)
        metrics = self.metrics(epoch)
        left = ~np.isfinite(next(iter(metrics.values())))
        rows = len(self.settings)
        return Progress(metrics, left, np.full(rows, float(epoch)), np.zeros(rows))

    def metrics(self, epoch: int) -> dict[str, Array]:
        errors = np.array(
            [error(**own, epoch=epoch, seed=row.seed) for row, own in self.settings.items()]
        )
        return {curve: make(errors) for curve, make in self.training.curves.items()}

    def keep(self, trials: Collection[int]) -> None:
        self.settings = {row: own for row, own in self.settings.items() if row.trial in trials}

    def save(self, folder: Path) -> None:
        (folder / "rows").write_text(repr(self.rows))

    def restore(self, folder: Path) -> None:
        if (folder / "rows").read_text() != repr(self.rows):
            raise ValueError(f"{folder}: holds other trials than these")


@dataclass
class FunctionTraining:
    """Runners for trials of the function.

    curves: what is measured, from the errors of the rows; before: called before each epoch.
    """

    goal: Goal = Goal()  # noqa: RUF009 (frozen)
    curves: Mapping[str, Callable[[Array], Array]] = field(
        default_factory=lambda: {"train_loss": np.copy, "validation_loss": np.copy}
    )
    before: Callable[[int], None] = lambda epoch: None
    epochs: int = EPOCHS
    has_seeds: bool = True

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[FunctionRunner]:
        own = seeds or {}
        return [
            FunctionRunner(
                self, {Row(t.number, s): t.settings for t in trials for s in own.get(t.number, [0])}
            )
        ]


# A study of an accuracy, of which nothing is a loss.
ACCURACY = {
    "goal": Goal("validation_accuracy", greater_is_better=True),
    "curves": {"validation_accuracy": lambda errors: 1 - errors / 4},
}


def study_of(record: Record, space: Space = SPACE) -> Study:
    """The study of the function that a record keeps."""
    return Study(record, space, QuasiRandom(), 0)


def loop_of(
    study: Study,
    training: FunctionTraining,
    tell: Listener,
    trials: int = 2 * COHORT,
    pruner: Pruner | None = None,
) -> Loop:
    """The loop of a study."""
    stopping = Stopping(Limits(trials), study, training, 0)
    return Loop(study, training, pruner or Halving(), stopping, COHORT, tell)


class Heard(list[Event]):
    """A listener that keeps all it hears."""

    __call__ = list[Event].append

    def of(self, kind: type) -> list:
        """The events of one kind."""
        return [event for event in self if isinstance(event, kind)]
