"""Proposals: the trials that count for a sampler, and the trial that it adds to them."""

from collections.abc import Iterable
from itertools import count, islice
from typing import TYPE_CHECKING

import numpy as np

from tuner.codec import Settings
from tuner.search.space import TRIES, Space

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


def counted(study: "optuna.Study") -> "list[FrozenTrial]":
    """The trials that have taken what was planned for them: all but those that failed."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state is not TrialState.FAIL]


def placed(study: "optuna.Study") -> "tuple[int, dict[int, FrozenTrial]]":
    """The first place (PLACE) that no trial has, and the trials by their places."""
    places = {t.user_attrs[PLACE]: t for t in counted(study) if PLACE in t.user_attrs}
    return next(place for place in count() if place not in places), places


def generator(study: "optuna.Study", seed: int) -> "np.random.Generator":
    """The randomness of the next trial alone, whatever was drawn for those before it."""
    return np.random.default_rng((seed, next_number(study)))


def add(
    study: "optuna.Study",
    space: Space,
    candidates: Iterable[Settings],
    attributes: Settings | None = None,
) -> bool:
    """Adds the first candidate that the conditions of the space allow.

    Args:
        study: gets the trial.
        space: what the candidates are settings of.
        candidates: settings by path, many (TRIES) or without end.
        attributes: what the trial keeps beside its settings.

    Returns:
        True, for something was left to ask.

    Raises:
        UserError: where none of so many is allowed.
    """
    settings = next(filter(space.allows, islice(candidates, TRIES)), None)
    if settings is None:
        raise space.impossible()
    study.add_trial(space.trial(settings, attributes))
    return True
