"""Random search: independent uniform settings, each on the scale of its range."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.search.proposals import add, generator
from tuner.search.samplers import Sampler
from tuner.search.untried import Untried

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Random(Sampler):
    """Random search (Bergstra & Bengio 2012)."""

    def propose(self, study: "optuna.Study", untried: Untried, seed: int) -> None:
        add(study, untried, untried.space.drawn(generator(study, seed)))
