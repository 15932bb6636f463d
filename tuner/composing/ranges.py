"""Ranges of a range test, taken by `+range=<study>`; a range that is given twice is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.composing.owners import FUNCTION
from tuner.errors import UserError, did_you_mean
from tuner.yaml_files import check_file, reading

# +range=<study> takes the rates that job=range_test found for it.
RANGE = "range"


def check_ranges(where: str, value: Any) -> None:
    """Refuses a mapping that is a range and choices at once, anywhere in plain data.

    Args:
        where: it was given, for the error.
        value: plain data.

    Raises:
        UserError: for the first.
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
    """Puts the learning rates that job=range_test found for a study in the config's place.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        name: of the study.
        root: the folder that studies are kept in.

    Raises:
        UserError: for a study without a range, and for a range of other optimizers.
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
