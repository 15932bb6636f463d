"""The config of a user's function: its settings in the place of models, optimizers and data."""

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.composing.groups import config_folder, files
from tuner.errors import UserError, did_you_mean
from tuner.function import BRANCH, Function, Plain

# The groups and keys of tuner's own models, which a function has not; a schedule it may ask for.
FOREIGN = ("data", "model", "loss", "optimizer", "batch_size")
SCHEDULE, DATA = "schedule", "data.folds"

# The group of one option that holds what is usual for functions.
GROUP, OPTION = "function", "own"

# Trials that are trained together: as many generators are alive at once. Of fewer than FEWEST,
# halving would compare too few, so trials are compared with earlier ones.
COHORT, FEWEST = 8, 4


def check_given(function: Function, keys: Sequence[str], choices: Sequence[str]) -> None:
    """Refuses settings that a function has not.

    Args:
        function: the user's.
        keys: of the values that are given.
        choices: of options, as `group=option`.

    Raises:
        UserError: for the first of them.
    """
    foreign = {*FOREIGN, *(() if SCHEDULE in function.asks else (SCHEDULE,))}
    own = ", ".join(f"{function.name}.{key}" for key in function.settings) or "none"
    for key in [*(choice.lstrip("+~").partition("=")[0] for choice in choices), *keys]:
        group = key.partition(".")[0].partition("@")[0]
        if group == GROUP:
            raise UserError(f"{key}: is what tuner.main says of the function, no setting")
        if group not in foreign or key == DATA:
            continue
        if group == SCHEDULE:
            raise UserError(
                f"{key}: {function.name}() has no parameter `schedule` that would take it: add one"
            )
        raise UserError(
            f"{key}: {function.name}() is trained as it is written: its settings are {own}"
        )
    shipped = files("experiment", [config_folder()])
    for choice in choices:
        key, _, option = choice.lstrip("+").partition("=")
        if key == "experiment" and option in shipped:
            raise UserError(f"experiment: {option}: is for tuner's own models, not for functions")


def overrides(function: Function, keys: Mapping[str, Any], choices: Sequence[str]) -> list[str]:
    """What Hydra is told besides: the groups that are left out, and what is usual for functions.

    Args:
        function: the user's.
        keys: the values that are given, by path.
        choices: of options, as `group=option`.

    Raises:
        UserError: if the function is called as a key of the config.
    """
    from hydra.core.config_store import ConfigStore

    usual = {
        "study": {"name": function.name.strip("_") or "study", "cohort": COHORT},
        "confirm": {"top": 3, "seeds": 5},
    }
    ConfigStore.instance().store(OPTION, usual, GROUP, "_global_")
    gone = ["~model", "~loss", "~optimizer", "~batch_size"]
    gone += [] if SCHEDULE in function.asks else ["~schedule"]
    cohort = keys.get("study.cohort", COHORT)
    few = isinstance(cohort, int) and cohort < FEWEST
    chosen = any(choice.partition("=")[0] == "pruner" for choice in choices)
    more = ["pruner=optuna"] if few and not chosen else []
    return ["data=none", *gone, *more, f"+{GROUP}={OPTION}"]


def place(config: Any, function: Function) -> None:
    """Puts the settings of a function where its name says, below what experiments gave of them.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        function: the user's.

    Raises:
        UserError: if its name is that of a key.
    """
    from omegaconf import OmegaConf

    name = function.name
    given: Any = {}
    if name in config:
        given = OmegaConf.to_container(config[name], resolve=False)
        if name in _keys() or not isinstance(given, dict):
            raise UserError(f"{name}(): is called as a key of the config: give another name")
    settings = {**function.settings}
    for key, value in given.items():
        merged = function.kinds.get(key) == BRANCH and isinstance(value, dict)
        settings[key] = {**settings[key], **value} if merged and settings.get(key) else value
    OmegaConf.update(config, name, settings, merge=False, force_add=True)
    OmegaConf.update(config, GROUP, function.plain(), merge=False, force_add=True)


def _keys() -> set[str]:
    """The keys of the main config."""
    text = (config_folder() / "config.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line[:1].isalpha() or line[:1] == '"']
    groups = {path.name for path in config_folder().iterdir() if path.is_dir()}
    return {line.partition(":")[0].strip('"') for line in lines} | groups | {GROUP}


def chosen(config: Any, function: Function, key: str, value: Any) -> Any:
    """A value as it stands in the config: of a branch, names are options that are chosen.

    Args:
        config: composed, of Hydra's type.
        function: the user's.
        key: the path that is given.
        value: that is given.

    Raises:
        UserError: for an option that the branch has not.
    """
    from omegaconf import OmegaConf

    group, _, setting = key.partition(".")
    names = value if isinstance(value, list) else [value]
    texts = bool(names) and all(isinstance(name, str) for name in names)
    if group != function.name or function.kinds.get(setting) != BRANCH or not texts:
        return value
    options: Plain = OmegaConf.to_container(config[group][setting], resolve=False)  # type: ignore[assignment]
    for name in names:
        if name not in options:
            hint = did_you_mean(name, list(options), 1)
            raise UserError(f"{key}: {name}: {hint}must be one of {', '.join(options)}")
    return {name: options[name] for name in names}
