"""The winner of a study as a config: `+best=<study>` reads it from best.yaml."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuner.composing.owners import FUNCTION, check_owner, settings_of
from tuner.errors import UserError, did_you_mean
from tuner.yaml_files import load_file

# +best=<study> takes the settings of its winner.
BEST = "best"

# What a best.yaml may say: whole groups and keys, and what of others.
WHOLE = (
    *("optimizer", "schedule", "model", "loss", "batch_size", "data", "metric", "dtype"),
    *(FUNCTION, "direction", "metrics", "best_epoch", "refit"),
)
PARTS = {"budget": ("epochs",), "study": ("seed",), "confirm": ("top", "seeds")}

# A new study's name, unless one is given: that of the other and this, in so many characters.
SUFFIX, LONGEST = "-best", 100


def apply_best(config: Any, name: str, root: str, given: set[str]) -> None:
    """Puts the winner of a study in the config's place, and names the study that trains it.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        name: of the study.
        root: the folder that studies are kept in.
        given: groups of which the command itself chooses options: they stay.

    Raises:
        UserError: for a study that is not there or has no winner, and for a file that `tuner` has
            not written.
    """
    from omegaconf import OmegaConf

    for key, value in _winner(config, name, root):
        if key not in given and key != FUNCTION:
            OmegaConf.update(config, key, value, merge=False, force_add=True)
    OmegaConf.update(config, "study.name", f"{name[: LONGEST - len(SUFFIX)]}{SUFFIX}")


def _winner(config: Any, name: str, root: str) -> Iterator[tuple[str, Any]]:
    """What the best.yaml of a study says, by path."""
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
