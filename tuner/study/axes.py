"""Axes: records show settings under their paths and in their units, for Optuna's own tools.

A sampler sees `1 - path` for a reversed scale, and choices as JSON. Journal lines and database
trials store the settings themselves and, beside them, what the sampler saw. Reading restores the
sampler's view bit for bit, because `1 - (1 - x)` may differ from x.
"""

import json
from collections.abc import Callable
from copy import copy

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial

from tuner.config.schema import Plain

REVERSED = "1 - "

# The attribute of a trial that keeps what the sampler sees: name, value and distribution by path.
SEEN = "tuner:seen"

# The types that Optuna accepts as a choice.
PLAIN = (type(None), bool, int, float, str)


def outward(log: Plain) -> Plain:
    """Converts a journal line from Optuna's form to the form that is written.

    Args:
        log: Optuna's line; it is not modified.
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
    """Converts a written journal line back to Optuna's form; a line without SEEN is unchanged."""
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
    """The same as `outward` for a trial of a database; the trial is not modified."""
    return _rewritten(trial, outward)


def inward_trial(trial: FrozenTrial) -> FrozenTrial:
    """The same as `inward` for a trial of a database; the trial is not modified."""
    return _rewritten(trial, inward)


def _rewritten(trial: FrozenTrial, rewrite: Callable[[Plain], Plain]) -> FrozenTrial:
    """A copy of a trial whose settings are rewritten like those of a journal line."""
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
    """The choice behind its JSON text; a list stays JSON, as Optuna accepts only PLAIN types."""
    value = json.loads(text)
    return value if isinstance(value, PLAIN) else text
