"""Samplers: what the next trial tries.

A sampler adds one running trial to a study, from the study's seed, the trial's number and, for
TPE, the trials before it; so a resumed study asks what an uninterrupted one would have asked.
"""

import warnings
from collections.abc import Callable

import numpy as np
import optuna

from tuner.search.space import Space

# (study, space, seed) -> whether there was anything left to ask.
Sampler = Callable[[optuna.Study, Space, int], bool]


def next_number(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False))


def random(study: optuna.Study, space: Space, seed: int) -> bool:
    """Independent uniform settings, each on the scale of its range."""
    rng = np.random.default_rng((seed, next_number(study)))
    study.add_trial(space.trial(space.shares(rng.random(len(space.searched)))))
    return True


def quasi_random(study: optuna.Study, space: Space, seed: int) -> bool:
    """Scrambled Sobol points (Owen 1998): the point of the trial's number."""
    number, shares = next_number(study), np.empty(0)
    if space.searched:
        from scipy.stats import qmc

        points = qmc.Sobol(len(space.searched), scramble=True, rng=np.random.default_rng(seed))
        if number:
            points.fast_forward(number)
        shares = points.random(1)[0]
    study.add_trial(space.trial(space.shares(shares)))
    return True


def grid(study: optuna.Study, space: Space, seed: int) -> bool:
    """Every combination once, in order."""
    combinations, number = space.grid(), next_number(study)
    if number >= len(combinations):
        return False
    study.add_trial(space.trial(combinations[number]))
    return True


def tpe(startup: int) -> Sampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Optuna's, multivariate, grouped).

    The first `startup` trials are a Latin hypercube (McKay et al. 1979): every range is cut in as
    many parts, and each part is tried once. A sampler is seeded afresh for each trial.
    """

    def ask(study: optuna.Study, space: Space, seed: int) -> bool:
        number = next_number(study)
        if number < startup:
            rng, size = np.random.default_rng(seed), len(space.searched)
            cells = rng.permuted(np.tile(np.arange(startup), (size, 1)), axis=1)
            shares = (cells + rng.random((size, startup))) / startup
            study.add_trial(space.trial(space.shares(shares[:, number])))
            return True
        with warnings.catch_warnings():
            # `group` is what conditional spaces need; Optuna calls it experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.TPESampler(
                seed=int(np.random.SeedSequence((seed, number)).generate_state(1)[0]),
                n_startup_trials=0,
                multivariate=True,
                group=True,
            )
        space.suggested(study.ask())
        return True

    return ask
