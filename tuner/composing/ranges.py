"""Ranges: `+range=<study>` takes those of a range test; a range with choices is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.composing.owners import FUNCTION
from tuner.errors import UserError, did_you_mean
from tuner.yaml_files import check_file, reading

# +range=<study> takes the rates that job=range_test found for it.
RANGE = "range"


def check_ranges(where: str, value: Any) -> None:
    """Refuses a mapping with both a range and choices, anywhere in plain data.

    Args:
        where: where it was given, for the error.
        value: plain data.

    Raises:
        UserError: for the first such mapping.
    """
    if isinstance(value, Mapping):
        if "choices" in value and {"low", "high"} & value.keys():
            raise UserError(f"{where}: is a range and choices: give low and high, or choices")
        for key, own in value.items():
            check_ranges(f"{where}: {key}", own)
    elif isinstance(value, list):
        for own in value:
            check_ranges(where, own)


def apply_range(config: Any, name: str, root: str) -> None:
    """Replaces the learning rates in the config by those that job=range_test found for a study.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        name: the name of the study.
        root: the folder of studies.

    Raises:
        UserError: for a study without a range test, and for one of other optimizers.
    """
    from omegaconf import OmegaConf

    if FUNCTION in config:
        raise UserError(f"{RANGE}: {name}: is for tuner's own models, not for functions")
    found = {path.parts[-3]: path for path in Path(root).glob("studies/*/range/range.yaml")}
    if name not in found:
        hint = did_you_mean(name, sorted(found), 3)
        known = f"must be one of {', '.join(sorted(found))}" if found else "there is none"
        raise UserError(
            f"{RANGE}: {name}: {hint}{known} in {root}: job=range_test study.name={name} makes one"
        )
    try:
        check_file(found[name], found[name].parent)
        with reading(found[name]):
            ranges: Any = OmegaConf.to_container(OmegaConf.load(found[name]), resolve=False)
        rates = {optimizer: own["lr"] for optimizer, own in ranges["optimizer"].items()}
    except (TypeError, LookupError, AttributeError):
        raise UserError(f"{RANGE}: {found[name]}: is not as job=range_test writes it") from None
    chosen = [str(optimizer) for optimizer in config.optimizer]
    if not set(chosen) & set(rates):
        raise UserError(
            f"{RANGE}: {name}: is of optimizer={','.join(rates)}, not of {', '.join(chosen)}"
        )
    for optimizer in set(chosen) & set(rates):
        OmegaConf.update(config, f"optimizer.{optimizer}.lr", rates[optimizer], merge=False)
