"""Proposals: the positions of trials in a sampler's plan, and the trial that it adds."""

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

# Under which a trial keeps where it is from, if no sampler proposed it.
ORIGIN = "origin"
# Under which a trial keeps its place, from 0, in what its sampler plans ahead.
PLACE = "place"


def next_number(study: "optuna.Study") -> int:
    """The number of the trial that is added next."""
    return len(study.get_trials(deepcopy=False))


def placed(study: "optuna.Study") -> "tuple[int, dict[int, FrozenTrial]]":
    """The first place (PLACE) that no trial has, and the trials by their places."""
    places = {t.user_attrs[PLACE]: t for t in counted(study) if PLACE in t.user_attrs}
    return next(place for place in count() if place not in places), places


def generator(study: "optuna.Study", seed: int) -> "np.random.Generator":
    """The randomness of the next trial alone, whatever was drawn for those before it."""
    return np.random.default_rng((seed, next_number(study)))


def add(
    study: "optuna.Study",
    untried: Untried,
    candidates: Iterable[Settings],
    attributes: Settings | None = None,
) -> None:
    """Adds the first candidate that is left to try.

    Args:
        study: gets the trial.
        untried: what is left of the space that the candidates are settings of.
        candidates: settings by path, many (TRIES) or without end; then come those of the parts of
            the space that have few.
        attributes: what the trial keeps beside its settings.

    Raises:
        UserError: where none of so many is left.
    """
    found = chain(filter(untried, islice(candidates, TRIES)), untried.few())
    settings = next(found, None)
    if settings is None:
        raise untried.space.impossible()
    study.add_trial(untried.space.trial(settings, attributes))
