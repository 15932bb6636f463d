"""The winner of a study as a config: `+best=<study>` reads it from best.yaml."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.composing.owners import FUNCTION, check_owner, settings_of
from tuner.errors import UserError, did_you_mean
from tuner.yaml_files import load_file

# +best=<study> takes the settings of its winner.
BEST = "best"

# What a best.yaml may contain: whole groups and keys, and some keys of other groups.
WHOLE = (
    *("optimizer", "schedule", "model", "loss", "batch_size", "data", "metric", "dtype"),
    *(FUNCTION, "direction", "metrics", "best_epoch", "refit"),
)
PARTS = {"budget": ("epochs",), "study": ("seed",), "confirm": ("top", "seeds")}

# The default name of the new study: the other study's name with this suffix, and its most
# characters.
SUFFIX, LONGEST = "-best", 100


def apply_best(config: Any, name: str, root: str, given: set[str]) -> None:
    """Puts a study's winner into the config, and names the study that trains it.

    Args:
        config: the composed config, of Hydra's type; modified in place.
        name: the name of the study with the winner.
        root: the folder of studies.
        given: groups whose options the command itself chooses; they stay.

    Raises:
        UserError: for a study that does not exist or has no winner, and for a file that tuner did
            not write.
    """
    from omegaconf import OmegaConf

    for key, value in _winner(config, name, root):
        if key not in given and key != FUNCTION:
            OmegaConf.update(config, key, value, merge=False, force_add=True)
    OmegaConf.update(config, "study.name", f"{name[: LONGEST - len(SUFFIX)]}{SUFFIX}")


def _winner(config: Any, name: str, root: str) -> Iterator[tuple[str, Any]]:
    """The contents of a study's best.yaml, by path."""
    found = {path.parent.name: path for path in Path(root).glob("studies/*/best.yaml")}
    if name not in found:
        if (Path(root) / "studies" / name).is_dir():
            raise UserError(f"{BEST}: {name}: has no winner in {root} yet: finish that study first")
        hint = did_you_mean(name, sorted(found), 3)
        known = f"must be one of {', '.join(sorted(found))}" if found else "there is none"
        raise UserError(f"{BEST}: {name}: {hint}{known} in {root}")
    plain = load_file(found[name])
    own = None
    if isinstance(plain, Mapping):
        check_owner(config, BEST, name, root, plain)
        own = plain[FUNCTION]["name"] if FUNCTION in plain else None
    for key, value in plain.items() if isinstance(plain, Mapping) else [("", None)]:
        if key in WHOLE:
            yield key, value
        elif key == own and isinstance(value, Mapping):
            yield key, settings_of(config, value)
        elif isinstance(value, Mapping) and {*value} <= {*PARTS.get(key, ())}:
            yield from ((f"{key}.{part}", own) for part, own in value.items())
        else:
            raise UserError(f"{BEST}: {found[name]}: is not as a study writes it: {key or plain!r}")
