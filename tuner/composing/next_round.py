"""The next round of a study: `+next=<study>` takes the config that its audit wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.composing.owners import FUNCTION, check_owner, settings_of
from tuner.errors import UserError, did_you_mean
from tuner.yaml_files import load_file

# +next=<study> takes the whole config of the round after it.
NEXT = "next"

# Keys that only the command may set, because a study's folder may be untrusted.
COMMANDS = ("job", "root", "threads", "tracking", "fix", "yes")


def apply_next(config: Any, name: str, root: str, chosen: Sequence[str]) -> None:
    """Replaces the options of a config by the next round of a study.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        name: the name of the study.
        root: the folder of studies.
        chosen: the group options that the command chose, as given.

    Raises:
        UserError: for a study without a next round, an invalid file, and options of groups that the
            round sets itself.
    """
    from omegaconf import OmegaConf

    found = {path.parent.name: path for path in sorted(Path(root).glob("studies/*/round*.yaml"))}
    if name not in found:
        hint = did_you_mean(name, sorted(found), 3)
        known = f"must be one of {', '.join(sorted(found))}" if found else "there is none"
        raise UserError(f"{NEXT}: {name}: {hint}{known} in {root}: the audit of a study makes one")
    plain = load_file(found[name])
    if isinstance(plain, dict):
        check_owner(config, NEXT, name, root, plain)
    if not isinstance(plain, dict) or not plain or not all(key in config for key in plain):
        raise UserError(f"{NEXT}: {found[name]}: is not as a study writes it")
    if own := [key for key in COMMANDS if key in plain]:
        raise UserError(f"{NEXT}: {found[name]}: {own[0]}: is for the command to say: take it out")
    for given in chosen:
        group = given.lstrip("+~").partition("=")[0].partition("@")[0]
        if group in plain or group == "experiment":
            raise UserError(
                f"{given}: goes without +{NEXT}={name}, which has its own: give numbers alone, as "
                "budget.trials=100"
            )
    own = plain.pop(FUNCTION, {}).get("name")
    for key, value in plain.items():
        if key == own:
            value = settings_of(config, value)
        OmegaConf.update(config, str(key), value, merge=False)
