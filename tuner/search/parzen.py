"""Parzen estimators: Optuna's, for one trial of a space with conditions."""

import warnings
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from tuner.codec import Settings
from tuner.search.space import TRIES, Chosen, Setting, Space

# The estimators propose so often for a trial; then chance does.
PROPOSALS = 16


class Parzen(optuna.samplers.BaseSampler):
    """What the estimators propose, once the conditions of the space hold for it.

    Args:
        seed: of the study.
        number: of the trial.
        space: that is searched.
        drawn: independent settings, for where the conditions refuse what the estimators propose.
    """

    def __init__(self, seed: int, number: int, space: Space, drawn: Iterator[Settings]) -> None:
        self.space, self.drawn = space, drawn
        with warnings.catch_warnings():
            # `group` is what conditional spaces need; Optuna calls it experimental.
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
        """All that is searched: whatever the branches are, it is proposed at once."""
        return {s.key(path): s.distribution() for path, s in self.space.searched.items()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Chosen:
        """The parameters, as Optuna keeps them, of the first proposal that is allowed.

        Raises:
            UserError: if neither the estimators nor chance find one.
        """
        proposals = islice(self.proposals(study, trial), PROPOSALS)
        candidates = chain(proposals, islice(self.drawn, TRIES))
        settings = next(filter(self.space.allows, candidates), None)
        if settings is None:
            raise self.space.impossible()
        return self.space.trial(settings).params

    def proposals(self, study: optuna.Study, trial: FrozenTrial) -> Iterator[Chosen]:
        """Settings that the estimators propose, without end."""
        together = self.estimator.infer_relative_search_space(study, trial)
        while True:
            params = self.estimator.sample_relative(study, trial, together)

            def choose(path: str, setting: Setting, params: Chosen = params) -> Any:
                key = setting.key(path)
                if key not in params:
                    params[key] = self.estimator.sample_independent(
                        study, trial, key, setting.distribution()
                    )
                return setting.decode(params[key])

            yield self.space.settings(choose)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Never called, for no parameter is left to be drawn on its own."""
        raise AssertionError(f"{param_name}: was to be proposed together with the others")
