"""A trial's settings written as a config again, with every number unchanged."""

import math
from collections.abc import Collection
from typing import Any

from tuner.codec import Settings
from tuner.config.schema import KEYS, Plain


def grouped(settings: Settings, branches: Collection[str] = ()) -> Plain:
    """The settings as a config has them, from which the same settings are read again.

    Args:
        settings: by path, `{"optimizer": "adam", "optimizer.adam.lr": 0.01}`.
        branches: paths, beside the groups, that name an option: those of a user's function.

    Returns:
        What stands under each group, `{"optimizer": {"adam": {"lr": 0.01}}}`. Infinity, as a limit
        that is none, is None, which stands for it in a config; `model.mlp.hidden.0` is the first of
        a list. A branch of a user's function, `train.rule`, is as a group is.
    """
    found: Plain = {}
    for path, value in settings.items():
        *above, last = path.split(".")
        if path in {*KEYS, *branches} and isinstance(value, str):
            above, last, value = [*above, last], value, {}
        holder = found
        for part in above:
            holder = holder.setdefault(part, {})
        infinite = isinstance(value, float) and math.isinf(value)
        if value == {}:
            holder.setdefault(last, value)
        else:
            holder[last] = None if infinite else value
    return {key: _lists(value) for key, value in found.items()}


def _lists(value: Any) -> Any:
    """Mappings whose keys count from 0, in any order, as the lists that they are."""
    if not isinstance(value, dict):
        return value
    inside = {key: _lists(own) for key, own in value.items()}
    places = [str(place) for place in range(len(inside))]
    return [inside[place] for place in places] if inside and {*inside} == {*places} else inside
