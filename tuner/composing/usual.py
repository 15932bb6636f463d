"""Defaults that depend on the job, and what an option chosen on the command line replaces."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.composing.groups import SEVERAL, config_folder
from tuner.declarations import Plain
from tuner.yaml_files import load_file

# The group of pruners, the default pruner, and the default of comparisons, which train to the end.
PRUNER, USUAL, COMPARED = "pruner", "halving", "none"

# The default experiment for tuning a table.
EXPERIMENT, AUTO, TUNE, TABLE = "experiment", "auto", "tune", "table"


def usual_experiment(config: Any, choices: Sequence[str], job: str) -> list[str]:
    """The overrides that choose the default experiment for tuning a table; none if one is given.

    The study keeps its name.

    Args:
        config: the config composed without it, of Hydra's type.
        choices: the group options that the command chooses, as given.
        job: the command's job.
    """
    from omegaconf import OmegaConf

    named = any(choice.lstrip("+~").startswith(f"{EXPERIMENT}=") for choice in choices)
    if named or job != TUNE or OmegaConf.select(config, "data.reader") != TABLE:
        return []
    return [f"+{EXPERIMENT}={AUTO}", f"study.name={OmegaConf.select(config, 'study.name')}"]


def chooses_data(parsed: Sequence[Any], plain: Plain) -> bool:
    """Whether a command, its experiment or its model (a test function) chooses the data.

    Args:
        parsed: the settings that Hydra parsed.
        plain: the config that they compose.
    """
    named = {str(override.key_or_group).partition(":")[0].lstrip("/") for override in parsed}
    return bool(named & {"data", EXPERIMENT}) or plain["data"]["name"] == "none"


def bundled_data() -> list[str]:
    """The default data sets of a card: all that need no download."""
    paths = sorted((config_folder() / "data").glob("*.yaml"))
    options: Plain = {path.stem: load_file(path) for path in paths}
    return [name for name, own in options.items() if own.get("reader") == "bundled"]


def chosen_options(parsed: Sequence[Any]) -> dict[str, list[str]]:
    """The chosen options by group, for the groups that allow several.

    Args:
        parsed: the settings that Hydra parsed.
    """
    of_groups = [o for o in parsed if o.key_or_group in SEVERAL and not o.is_delete()]
    values = {str(o.key_or_group): o.value() for o in of_groups}
    return {
        group: [str(name) for name in (value if isinstance(value, list) else [value])]
        for group, value in values.items()
        if not isinstance(value, Mapping)
    }


def keep_chosen(config: Any, chosen: Mapping[str, Sequence[str]]) -> None:
    """Removes options that only an experiment sets, if the command chose others.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        chosen: the result of `chosen_options`.
    """
    from omegaconf import OmegaConf

    for group, names in chosen.items():
        own = config.get(group)
        if OmegaConf.is_dict(own):
            kept = {name: own[name] for name in own if name in names}
            OmegaConf.update(config, group, kept, merge=False)


def place_pruner(config: Any, values: Plain) -> None:
    """Sets the default pruner if neither the command nor an experiment chose one.

    A comparison of an existing study keeps the study's pruner.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        values: the values that the command gives, by path.

    Raises:
        UserError: if the config of that study cannot be read.
    """
    from omegaconf import OmegaConf

    own: Any = config.get(PRUNER)
    if own is not None and (not OmegaConf.is_dict(own) or "name" in own):
        return
    usual: Any = None
    compares = values.get("job", config.get("job")) == "compare"
    if compares and own is None:
        usual = pruner_of(config, values)
    if usual is None:
        name = COMPARED if compares else USUAL
        usual = OmegaConf.load(config_folder() / PRUNER / f"{name}.yaml")
    merged = usual if own is None else OmegaConf.merge(usual, own)
    OmegaConf.update(config, PRUNER, merged, merge=False, force_add=True)


def pruner_of(config: Any, values: Plain) -> Plain | None:
    """The pruner in the config.yaml of the command's study; None without one.

    Args:
        config: the composed config, of Hydra's type.
        values: the values that the command gives, by path.

    Raises:
        UserError: if that file cannot be read.
    """
    from omegaconf import OmegaConf

    root, name = (values.get(key, OmegaConf.select(config, key)) for key in ("root", "study.name"))
    found = {path.parent.name: path for path in Path(str(root)).glob("studies/*/config.yaml")}
    saved = load_file(found[str(name)]) if str(name) in found else None
    pruner = saved.get(PRUNER) if isinstance(saved, Mapping) else None
    return pruner if isinstance(pruner, dict) and "name" in pruner else None
