"""Samplers: what the next trial tries.

A sampler adds one running trial to a study, from the study's seed, the trial's number and, for
TPE, the trials before it; so a resumed study asks what an uninterrupted one would have asked. What
was planned for a trial that failed or was interrupted is asked again. What the conditions of the
space forbid is never asked: a sampler proposes on until they hold.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from tuner.search import sobol
from tuner.search.space import TRIES, Setting, Space

# (study, space, seed) -> whether there was anything left to ask.
Sampler = Callable[[optuna.Study, Space, int], bool]

# Under which a trial keeps where it is from, if no sampler proposed it.
ORIGIN = "origin"
# Under which a trial keeps its place, from 0, in what its sampler plans ahead.
PLACE = "place"
# Under which a quasi-random trial keeps the number of its point in its combination.
POINT = "point"
# TPE proposes so often for a trial; then chance does.
PROPOSALS = 16


def next_number(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False))


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that have taken what was planned for them: all but those that failed."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state is not TrialState.FAIL]


def placed(study: optuna.Study) -> tuple[int, dict[int, FrozenTrial]]:
    """The first place that no trial has, and the trials by their places."""
    places = {t.user_attrs[PLACE]: t for t in counted(study) if PLACE in t.user_attrs}
    return next(place for place in count() if place not in places), places


def add(
    study: optuna.Study,
    space: Space,
    candidates: Iterable[Mapping[str, Any]],
    attributes: Mapping[str, Any] | None = None,
) -> bool:
    """Adds the first candidate that is allowed; raises UserError if none of many is."""
    settings = next(filter(space.allows, islice(candidates, TRIES)), None)
    if settings is None:
        raise space.impossible()
    study.add_trial(space.trial(settings, attributes))
    return True


def generator(study: optuna.Study, seed: int) -> np.random.Generator:
    """The randomness of the next trial alone."""
    return np.random.default_rng((seed, next_number(study)))


def random(study: optuna.Study, space: Space, seed: int) -> bool:
    """Independent uniform settings, each on the scale of its range."""
    return add(study, space, space.drawn(generator(study, seed)))


def quasi_random(study: optuna.Study, space: Space, seed: int) -> bool:
    """Sobol points, as many in each branch: the next that is allowed of the combination due."""
    points, (place, places) = sobol.Points(space, seed), placed(study)
    before = places.get(place - points.combinations)
    start = before.user_attrs[POINT] + 1 if before else 0
    candidates = islice(points.settings(place, start), TRIES)
    for point, settings in enumerate(candidates, start):
        if space.allows(settings):
            study.add_trial(space.trial(settings, {PLACE: place, POINT: point}))
            return True
    raise space.impossible()


def grid(study: optuna.Study, space: Space, seed: int) -> bool:
    """Every combination that is allowed once, in order."""
    settings = space.untried(counted(study))
    if settings is None:
        return False
    study.add_trial(space.trial(settings))
    return True


def tpe(startup: int) -> Sampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Optuna's, multivariate, grouped).

    The first `startup` trials are a Latin hypercube (McKay et al. 1979): every range is cut in as
    many parts, and each part is tried once. A sampler is seeded afresh for each trial.
    """

    def ask(study: optuna.Study, space: Space, seed: int) -> bool:
        (place, _), drawn = placed(study), space.drawn(generator(study, seed))
        if place < startup:
            rng, size = np.random.default_rng(seed), len(space.searched)
            cells = rng.permuted(np.tile(np.arange(startup), (size, 1)), axis=1)
            shares = (cells + rng.random((size, startup))) / startup
            planned = space.shares(shares[:, place])
            return add(study, space, chain([planned], drawn), {PLACE: place})
        study.sampler = _Allowed(_estimator(seed, next_number(study)), space, drawn)
        space.suggested(study.ask())
        return True

    return ask


def _estimator(seed: int, number: int) -> optuna.samplers.TPESampler:
    with warnings.catch_warnings():
        # `group` is what conditional spaces need; Optuna calls it experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence((seed, number)).generate_state(1)[0]),
            n_startup_trials=0,
            multivariate=True,
            group=True,
        )


class _Allowed(optuna.samplers.BaseSampler):
    """What an estimator proposes, once the conditions of the space hold for it."""

    def __init__(
        self,
        estimator: optuna.samplers.TPESampler,
        space: Space,
        drawn: Iterator[Mapping[str, Any]],
    ) -> None:
        self.estimator, self.space, self.drawn = estimator, space, drawn

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {s.key(path): s.distribution() for path, s in self.space.searched.items()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        proposals = islice(self.proposals(study, trial), PROPOSALS)
        candidates = chain(proposals, islice(self.drawn, TRIES))
        settings = next(filter(self.space.allows, candidates), None)
        if settings is None:
            raise self.space.impossible()
        return self.space.trial(settings).params

    def proposals(self, study: optuna.Study, trial: FrozenTrial) -> Iterator[dict[str, Any]]:
        together = self.estimator.infer_relative_search_space(study, trial)
        while True:
            params = self.estimator.sample_relative(study, trial, together)

            def choose(path: str, setting: Setting, params: dict[str, Any] = params) -> Any:
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
        raise AssertionError(f"{param_name}: was to be proposed together with the others")


def queued(queue: Sequence[Mapping[str, Any]], then: Sampler) -> Sampler:
    """The trials of a queue in order, those that fit the space; after them what `then` proposes.

    queue: from `tuner.search.initial_trials.first`.
    """

    def ask(study: optuna.Study, space: Space, seed: int) -> bool:
        asked = [trial.user_attrs.get(ORIGIN) for trial in counted(study)]
        for entry in queue:
            if entry["origin"] in asked or space.misfit(entry["settings"]):
                continue
            study.add_trial(space.trial(entry["settings"], {ORIGIN: entry["origin"]}))
            return True
        return then(study, space, seed)

    return ask
