"""The config of a user function: its settings replace models, optimizers and data."""

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.composing.groups import config_folder, files
from tuner.declarations import CHOICES, Plain
from tuner.errors import UserError, did_you_mean
from tuner.function import BRANCH, Function

# The groups and keys of tuner's own models, which functions do not have. A function may take a
# schedule and folds.
FOREIGN = ("data", "model", "loss", "optimizer", "batch_size", "dtype")
SCHEDULE, DATA = "schedule", "data.folds"

# Those of them that remain in the config of a function.
LEFT = ("data", "dtype")

# Names of functions that would mean something else on the command line or in YAML.
OTHERS = {"space", "plain", "hydra", "defaults", "experiment", "best", "next"}
OF_YAML = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

# The group, and its one option, with the defaults for functions.
GROUP, OPTION = "function", "own"

# The default cohort: this many generators are alive at once. In cohorts smaller than FEWEST,
# halving would compare too few trials, so Optuna's pruner compares each with earlier ones.
COHORT, FEWEST = 8, 4


def check_given(function: Function, keys: Sequence[str], choices: Sequence[str]) -> None:
    """Refuses settings that do not apply to a function.

    Args:
        function: the user function.
        keys: the keys of the given values.
        choices: the chosen options, as `group=option`.

    Raises:
        UserError: for the first such setting, and for a function whose name is taken.
    """
    name = function.name
    if name in {*_keys(), *OTHERS} or name.lower() in OF_YAML:
        raise UserError(f"{name}(): is called as a key of the config: give another name")
    foreign = {*FOREIGN, *(() if SCHEDULE in function.asks else (SCHEDULE,))}
    own = ", ".join(f"{function.name}.{key}" for key in function.settings) or "none"
    # A short name, such as batch_size=64, means the function's setting if it has one of that name.
    keys = [key for key in keys if key not in function.settings]
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
        path = f"{function.name}.{group}"
        mend = f"give {path}=..." if group in function.settings else f"its settings are {own}"
        raise UserError(f"{key}: {function.name}() is trained as it is written: {mend}")
    shipped = files("experiment", [config_folder()])
    for choice in choices:
        key, _, option = choice.lstrip("+").partition("=")
        if key == "experiment" and option in shipped:
            raise UserError(f"experiment: {option}: is for tuner's own models, not for functions")


def overrides(function: Function, keys: Plain, choices: Sequence[str]) -> list[str]:
    """Additional overrides for Hydra: they remove groups and set the defaults for functions.

    Args:
        function: the user function.
        keys: the given values, by path.
        choices: the chosen options, as `group=option`.
    """
    from hydra.core.config_store import ConfigStore

    usual = {
        "study": {"name": function.name.lstrip("_") or "study", "cohort": COHORT},
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
    """Puts a function's settings under its name; settings from experiments take precedence.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        function: the user function.

    Raises:
        UserError: if the config has something else under its name, or keys of tuner's own models.
    """
    from omegaconf import OmegaConf

    name = function.name
    plain: Any = OmegaConf.to_container(config, resolve=False)
    given = plain.get(name, {})
    if not isinstance(given, dict):
        raise UserError(f"{name}: {given!r:.100}: must be a mapping of its settings")
    if GROUP in plain:
        raise UserError(f"{GROUP}: {plain[GROUP]!r:.100}: is what tuner.main says of the function")
    for key in sorted({*FOREIGN, SCHEDULE} & {*plain}):
        if key not in (*LEFT, *([SCHEDULE] if SCHEDULE in function.asks else [])):
            raise UserError(f"{key}: {name}() is trained as it is written: leave it out")
    settings = {**function.settings}
    for key, value in given.items():
        if function.kinds.get(key) == BRANCH:
            value = _branch(f"{name}.{key}", value, settings[key])
        settings[key] = value
    OmegaConf.update(config, name, settings, merge=False, force_add=True)
    OmegaConf.update(config, GROUP, function.plain(), merge=False, force_add=True)


def _branch(path: str, value: Any, declared: Plain) -> Any:
    """A branch in an experiment: options by name, or settings that replace declared ones."""
    if isinstance(value, dict) and CHOICES not in value:
        merged = {
            option: {**declared.get(option, {}), **own} if isinstance(own, dict) else own
            for option, own in value.items()
        }
        # An option without a value in YAML keeps its declared settings.
        return {**declared, **{key: own for key, own in merged.items() if own is not None}} | {
            key: {} for key, own in merged.items() if own is None and key not in declared
        }
    return options_of(path, value, declared)


def _keys() -> set[str]:
    """The keys of the main config."""
    text = (config_folder() / "config.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line[:1].isalpha() or line[:1] == '"']
    groups = {path.name for path in config_folder().iterdir() if path.is_dir()}
    return {line.partition(":")[0].strip('"') for line in lines} | groups | {GROUP}


def in_order(function: Function, values: Plain) -> Plain:
    """The values by path, with choices of branch options first: other values may lie below them."""
    first = [path for path, value in values.items() if _chooses(function, path, value)]
    return {path: values[path] for path in (*first, *values)}


def _chooses(function: Function, path: str, value: Any) -> bool:
    """Whether a value names options of a branch."""
    group, _, setting = path.partition(".")
    settings = isinstance(value, dict) and CHOICES not in value
    return group == function.name and function.kinds.get(setting) == BRANCH and not settings


def chosen(config: Any, function: Function, path: str, value: Any) -> Any:
    """A given value in the form of the config: for a branch, names become the chosen options.

    Args:
        config: the composed config, of Hydra's type.
        function: the user function.
        path: the given path.
        value: the given value.

    Raises:
        UserError: for an option that the branch does not have.
    """
    from omegaconf import OmegaConf

    if not _chooses(function, path, value):
        return value
    holder = OmegaConf.select(config, path)
    options = OmegaConf.to_container(holder, resolve=False) if holder is not None else {}
    return options_of(path, value, options if isinstance(options, dict) else {})


def options_of(path: str, value: Any, options: Mapping[Any, Any]) -> Plain:
    """The options of a branch that are chosen by name.

    Args:
        path: the path of the branch.
        value: a name, a list of names, or a mapping of choices.
        options: all options with their settings.

    Raises:
        UserError: for anything else.
    """
    names = value[CHOICES] if isinstance(value, dict) else value
    names = names if isinstance(names, list) else [names]
    for name in names or [value]:
        if not isinstance(name, str) or name not in options:
            hint = did_you_mean(str(name), list(map(str, options)), 1)
            known = ", ".join(map(str, options))
            told = f"must be one of {known}" if options else "it has no options"
            raise UserError(f"{path}: {name!s:.100}: {hint}{told}")
    if len(set(names)) < len(names):
        raise UserError(f"{path}: {names!r:.100}: must name each option once")
    return {name: options[name] for name in names}
