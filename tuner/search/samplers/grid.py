"""Grid: every combination that is allowed once, in order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tuner.errors import UserError
from tuner.search.proposals import counted
from tuner.search.samplers import Sampler
from tuner.search.space import Space

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Grid(Sampler):
    """Every combination of values once; a study ends with the last one."""

    no_initial_trials: ClassVar[str] = "a grid tries its combinations alone"
    exhausted: ClassVar[str] = "the grid has no more combinations"

    def check(self, space: Space) -> None:
        if path := space.without_end():
            raise UserError(
                f"{path}: a grid needs countable values: give {{choices: [...]}}, a number, or a "
                "linear range with a step"
            )

    def ask(self, study: "optuna.Study", space: Space, seed: int) -> bool:
        settings = space.untried(counted(study))
        if settings is None:
            return False
        study.add_trial(space.trial(settings))
        return True
