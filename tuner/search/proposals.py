"""Proposals: positions of trials in a sampler's plan, and adding a trial."""

from collections.abc import Iterable
from itertools import chain, count, islice
from typing import TYPE_CHECKING

import numpy as np

from tuner.codec import Settings
from tuner.search.space import TRIES
from tuner.search.untried import Untried, counted

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

# The user attribute with a trial's origin, if no sampler proposed it.
ORIGIN = "origin"
# The user attribute with a trial's position, from 0, in its sampler's plan.
PLACE = "place"


def next_number(study: "optuna.Study") -> int:
    """The number of the next trial."""
    return len(study.get_trials(deepcopy=False))


def placed(study: "optuna.Study") -> "tuple[int, dict[int, FrozenTrial]]":
    """The first free position (PLACE) in the plan, and the trials by position."""
    places = {t.user_attrs[PLACE]: t for t in counted(study) if PLACE in t.user_attrs}
    return next(place for place in count() if place not in places), places


def generator(study: "optuna.Study", seed: int) -> "np.random.Generator":
    """A random generator for the next trial, independent of draws for earlier trials."""
    return np.random.default_rng((seed, next_number(study)))


def add(
    study: "optuna.Study",
    untried: Untried,
    candidates: Iterable[Settings],
    attributes: Settings | None = None,
) -> None:
    """Adds the first candidate that is not tried yet.

    Args:
        study: the study to add the trial to.
        untried: the settings of the space that are not tried yet.
        candidates: settings by path; at most TRIES are used. After them come all settings of those
            parts of the space that have few.
        attributes: user attributes of the trial.

    Raises:
        UserError: no candidate is new and allowed.
    """
    found = chain(filter(untried, islice(candidates, TRIES)), untried.few())
    settings = next(found, None)
    if settings is None:
        raise untried.space.impossible()
    study.add_trial(untried.space.trial(settings, attributes))
