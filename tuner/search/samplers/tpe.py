"""TPE: learns from finished trials which settings are good."""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from tuner.search.proposals import PLACE, add, generator, next_number, placed
from tuner.search.samplers import Sampler
from tuner.search.untried import Untried

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class TPE(Sampler):
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Optuna's, multivariate, grouped).

    The first `startup` trials are a Latin hypercube (McKay et al. 1979): every range is cut into
    `startup` parts, and each part is tried once. The estimator gets a new seed for each trial.
    """

    startup: Annotated[int, Field(ge=1, le=10_000)] = 16

    def propose(self, study: "optuna.Study", untried: Untried, seed: int) -> None:
        from tuner.search.parzen import Parzen

        space = untried.space
        (place, _), drawn = placed(study), space.drawn(generator(study, seed))
        if place < self.startup:
            rng, size = np.random.default_rng(seed), len(space.searched)
            cells = rng.permuted(np.tile(np.arange(self.startup), (size, 1)), axis=1)
            shares = (cells + rng.random((size, self.startup))) / self.startup
            planned = space.shares(shares[:, place])
            add(study, untried, chain([planned], drawn), {PLACE: place})
            return
        study.sampler = Parzen(seed, next_number(study), untried, drawn)
        space.suggested(study.ask())
