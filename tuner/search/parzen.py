"""Optuna's Parzen estimators, for one trial of a space with conditions."""

import warnings
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from tuner.codec import Settings
from tuner.search.space import TRIES, Chosen, Setting
from tuner.search.untried import Untried

# The number of proposals of the estimators for a trial; random ones follow.
PROPOSALS = 16


class Parzen(optuna.samplers.BaseSampler):
    """Samples the first proposal of the estimators that is not tried yet.

    Args:
        seed: the study's seed.
        number: the trial's number.
        untried: the settings of the space that are not tried yet.
        drawn: independent random settings, used if the estimators propose nothing new.
    """

    def __init__(self, seed: int, number: int, untried: Untried, drawn: Iterator[Settings]) -> None:
        self.space, self.untried, self.drawn = untried.space, untried, drawn
        with warnings.catch_warnings():
            # Conditional spaces need `group`, which Optuna calls experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.estimator = optuna.samplers.TPESampler(
                seed=int(np.random.SeedSequence((seed, number)).generate_state(1)[0]),
                n_startup_trials=0,
                multivariate=True,
                group=True,
            )

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """All searched settings of all branches: they are proposed together."""
        return {s.key(path): s.distribution() for path, s in self.space.searched.items()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Chosen:
        """The parameters, in Optuna's form, of the first proposal that is not tried yet.

        Raises:
            UserError: neither the estimators nor random draws find one.
        """
        proposals = islice(self.proposals(study, trial), PROPOSALS)
        candidates = chain(proposals, islice(self.drawn, TRIES))
        found = chain(filter(self.untried, candidates), self.untried.few())
        settings = next(found, None)
        if settings is None:
            raise self.space.impossible()
        return self.space.trial(settings).params

    def proposals(self, study: optuna.Study, trial: FrozenTrial) -> Iterator[Chosen]:
        """An endless iterator of proposals of the estimators."""
        together = self.estimator.infer_relative_search_space(study, trial)
        while True:
            params = self.estimator.sample_relative(study, trial, together)

            def choose(path: str, setting: Setting, params: Chosen = params) -> Any:
                key = setting.key(path)
                if key not in params:
                    params[key] = self.estimator.sample_independent(
                        study, trial, key, setting.distribution()
                    )
                value = setting.decode(params[key])
                # Optuna's value may differ from the grid in the last digit.
                return value if setting.count is None else setting.nearest(value)

            yield self.space.settings(choose)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Never called, because `sample_relative` proposes all parameters."""
        raise AssertionError(f"{param_name}: was to be proposed together with the others")
