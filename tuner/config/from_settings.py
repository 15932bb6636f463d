"""A trial's settings converted back to a config, with every number unchanged."""

import math
from collections.abc import Collection
from typing import Any

from tuner.codec import Settings
from tuner.config.schema import KEYS, Plain


def grouped(settings: Settings, branches: Collection[str] = ()) -> Plain:
    """The settings in the form of a config, which gives the same settings when read again.

    Args:
        settings: by path, `{"optimizer": "adam", "optimizer.adam.lr": 0.01}`.
        branches: further paths that name an option, besides groups: a user function's branches.

    Returns:
        The value of each group, `{"optimizer": {"adam": {"lr": 0.01}}}`. Infinity (no limit)
        becomes None, which stands for it in a config; `model.mlp.hidden.0` is the first of a list.
        A branch of a user function, such as `train.rule`, is treated like a group.
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
    """Converts mappings whose keys count from 0, in any order, to lists."""
    if not isinstance(value, dict):
        return value
    inside = {key: _lists(own) for key, own in value.items()}
    places = [str(place) for place in range(len(inside))]
    return [inside[place] for place in places] if inside and {*inside} == {*places} else inside
