"""Random search: independent uniform settings, each on the scale of its range."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.search.proposals import add, generator
from tuner.search.samplers import Sampler
from tuner.search.space import Space

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Random(Sampler):
    """Random search (Bergstra & Bengio 2012)."""

    def ask(self, study: "optuna.Study", space: Space, seed: int) -> bool:
        return add(study, space, space.drawn(generator(study, seed)))
