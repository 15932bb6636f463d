"""Axes: on record settings stand under their paths and in their units, for Optuna's own tools.

A sampler sees `1 - path` where a scale is reversed, and choices as JSON. The lines of a journal
and the trials of a database have the settings themselves, and beside them what the sampler sees,
which is put back as they are read: to the last bit, for `1 - (1 - x)` need not be x.
"""

import json
from collections.abc import Callable
from copy import copy

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial

from tuner.config.schema import Plain

REVERSED = "1 - "

# Under which a trial's line keeps what the sampler sees: name, value and distribution by path.
SEEN = "tuner:seen"

# What Optuna takes for a choice as it is.
PLAIN = (type(None), bool, int, float, str)


def outward(log: Plain) -> Plain:
    """A line of a journal as it is written.

    Args:
        log: as Optuna gives it; it is not changed.
    """
    params, distributions, seen = Plain(), Plain(), Plain()
    for name, value in log.get("params", {}).items():
        path, shown, distribution = name, value, json.loads(log["distributions"][name])
        own = distribution["attributes"]
        if name.startswith(REVERSED):
            path, shown = name.removeprefix(REVERSED), 1 - value
            low, high = min(1 - own["high"], shown), max(1 - own["low"], shown)
            own |= {"low": low, "high": high, "log": False}
        elif "choices" in own:
            own["choices"] = [_choice(choice) for choice in own["choices"]]
        params[path], distributions[path] = shown, json.dumps(distribution)
        if distributions[path] != log["distributions"][name]:
            seen[path] = [name, value, log["distributions"][name]]
    if not seen:
        return log
    attributes = {**log["system_attrs"], SEEN: seen}
    return {**log, "params": params, "distributions": distributions, "system_attrs": attributes}


def inward(log: Plain) -> Plain:
    """A line of a journal as Optuna gave it, or as it is where it holds no more than that."""
    seen = log.get("system_attrs", {}).get(SEEN)
    if not seen:
        return log
    params, distributions = Plain(), Plain()
    for path, value in log["params"].items():
        name, value, distribution = seen.get(path, (path, value, log["distributions"][path]))
        params[name], distributions[name] = value, distribution
    attributes = {key: own for key, own in log["system_attrs"].items() if key != SEEN}
    return {**log, "params": params, "distributions": distributions, "system_attrs": attributes}


def outward_trial(trial: FrozenTrial) -> FrozenTrial:
    """A trial likewise, where a record is a database's; it is not changed."""
    return _rewritten(trial, outward)


def inward_trial(trial: FrozenTrial) -> FrozenTrial:
    """A trial of a database as Optuna gave it; it is not changed."""
    return _rewritten(trial, inward)


def _rewritten(trial: FrozenTrial, rewrite: Callable[[Plain], Plain]) -> FrozenTrial:
    """A copy of a trial whose settings are written as those of a line of a journal are."""
    kinds = trial.distributions
    log = rewrite(
        {
            "params": {p: kinds[p].to_internal_repr(v) for p, v in trial.params.items()},
            "distributions": {p: distribution_to_json(kind) for p, kind in kinds.items()},
            "system_attrs": trial.system_attrs,
        }
    )
    own = copy(trial)
    own.distributions = {p: json_to_distribution(t) for p, t in log["distributions"].items()}
    own.params = {p: own.distributions[p].to_external_repr(v) for p, v in log["params"].items()}
    own.system_attrs = log["system_attrs"]
    return own


def _choice(text: str) -> object:
    """A choice as it is; a list stays JSON."""
    value = json.loads(text)
    return value if isinstance(value, PLAIN) else text
