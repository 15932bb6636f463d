"""Defaults that depend on the job, and what an option chosen on the command line replaces."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.composing.groups import SEVERAL, config_folder
from tuner.declarations import Plain
from tuner.yaml_files import load_file

# Who leaves early where nothing is said; what is compared trains to the end.
PRUNER, USUAL, COMPARED = "pruner", "halving", "none"

# The experiment of a table that is tuned, where none is named.
EXPERIMENT, AUTO, TUNE, TABLE = "experiment", "auto", "tune", "table"


def usual_experiment(config: Any, choices: Sequence[str], job: str) -> list[str]:
    """The overrides that choose the experiment of a table to tune; none where one is named already.

    The name of the study stays what it is.

    Args:
        config: composed without it, of Hydra's type.
        choices: what the command chooses of groups, as it was given.
        job: of the command.
    """
    from omegaconf import OmegaConf

    named = any(choice.lstrip("+~").startswith(f"{EXPERIMENT}=") for choice in choices)
    if named or job != TUNE or OmegaConf.select(config, "data.reader") != TABLE:
        return []
    return [f"+{EXPERIMENT}={AUTO}", f"study.name={OmegaConf.select(config, 'study.name')}"]


def chooses_data(parsed: Sequence[Any], plain: Plain) -> bool:
    """Whether a command, its experiment or its model, as a function to minimise, chooses the data.

    Args:
        parsed: settings as Hydra parsed them.
        plain: what they compose.
    """
    named = {str(override.key_or_group).partition(":")[0].lstrip("/") for override in parsed}
    return bool(named & {"data", EXPERIMENT}) or plain["data"]["name"] == "none"


def bundled_data() -> list[str]:
    """The data sets that a card is of, where none is chosen: all that need no download."""
    paths = sorted((config_folder() / "data").glob("*.yaml"))
    options: Plain = {path.stem: load_file(path) for path in paths}
    return [name for name, own in options.items() if own.get("reader") == "bundled"]


def chosen_options(parsed: Sequence[Any]) -> dict[str, list[str]]:
    """The options that settings choose of the groups of which several may be chosen, by group.

    Args:
        parsed: settings as Hydra parsed them.
    """
    of_groups = [o for o in parsed if o.key_or_group in SEVERAL and not o.is_delete()]
    values = {str(o.key_or_group): o.value() for o in of_groups}
    return {
        group: [str(name) for name in (value if isinstance(value, list) else [value])]
        for group, value in values.items()
        if not isinstance(value, Mapping)
    }


def keep_chosen(config: Any, chosen: Mapping[str, Sequence[str]]) -> None:
    """Removes the options that an experiment gives settings of, where others were chosen.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        chosen: as `chosen_options`.
    """
    from omegaconf import OmegaConf

    for group, names in chosen.items():
        own = config.get(group)
        if OmegaConf.is_dict(own):
            kept = {name: own[name] for name in own if name in names}
            OmegaConf.update(config, group, kept, merge=False)


def place_pruner(config: Any, values: Plain) -> None:
    """Puts the usual pruner where neither the command nor an experiment chose one.

    A comparison of a study that is there goes on with the pruner that it has.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        values: that the command gives, by path.

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
    """The pruner of the study that a command names, as its config.yaml has it; None without one.

    Args:
        config: composed, of Hydra's type.
        values: that the command gives, by path.

    Raises:
        UserError: if that file cannot be read.
    """
    from omegaconf import OmegaConf

    root, name = (values.get(key, OmegaConf.select(config, key)) for key in ("root", "study.name"))
    found = {path.parent.name: path for path in Path(str(root)).glob("studies/*/config.yaml")}
    saved = load_file(found[str(name)]) if str(name) in found else None
    pruner = saved.get(PRUNER) if isinstance(saved, Mapping) else None
    return pruner if isinstance(pruner, dict) and "name" in pruner else None
