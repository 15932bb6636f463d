"""Grid: every allowed combination once, in order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tuner.errors import UserError
from tuner.search.samplers import Sampler
from tuner.search.space import Space
from tuner.search.untried import Untried

if TYPE_CHECKING:
    import optuna

# The largest grid: more combinations are never tried completely.
MOST = 1_000_000


@dataclass(frozen=True)
class Grid(Sampler):
    """Every combination of values once."""

    no_initial_trials: ClassVar[str] = "a grid tries nothing but its own combinations"

    def check(self, space: Space) -> None:
        if path := space.without_end():
            raise UserError(
                f"{path}: a grid needs countable values: give {{choices: [...]}}, a number, or a "
                "linear range with a step"
            )
        if space.size > MOST:
            path = max(space.searched, key=lambda p: space.searched[p].size)
            raise UserError(
                f"{path}: {space.searched[path]}: the grid has {in_words(space.size)} "
                f"combinations, more than {MOST}: give larger steps, or another sampler"
            )

    def propose(self, study: "optuna.Study", untried: Untried, seed: int) -> None:
        settings = next(untried.all(), None)
        if settings is None:
            raise untried.space.impossible()
        study.add_trial(untried.space.trial(settings))


def in_words(number: float) -> str:
    """A number of any size, to two digits, such as 1.2e+400.

    >>> in_words(10**12), in_words(12 * 10**399)
    ('1.0e+12', '1.2e+400')
    """
    digits = str(int(number))
    return f"{digits[0]}.{digits[1:2] or 0}e+{len(digits) - 1}"
