"""Owners: `+best` and similar keys take settings only from a study of the same function."""

from collections.abc import Mapping
from typing import Any

from tuner.errors import UserError
from tuner.function import PROGRAM, Function, program_of, typed

# The key under which a study's file names its function.
FUNCTION = "function"

# The default folder of studies.
USUAL = "mlruns"


def check_owner(config: Any, key: str, study: str, root: str, plain: Mapping[Any, Any]) -> None:
    """Refuses a study whose function is not the command's; either of them may have none.

    Args:
        config: the composed config, of Hydra's type.
        key: the key that takes the settings, such as `best`.
        study: the study that they are taken from.
        root: the folder of studies.
        plain: the contents of the study's file.

    Raises:
        UserError: with the command to give, if it is known.
    """
    own = str(config[FUNCTION]["name"]) if FUNCTION in config else None
    where = [] if root == USUAL else [f"root={root}"]
    said = [f"+{key}={study}", *where]
    if FUNCTION not in plain:
        if own is not None:
            raise UserError(
                f"{key}: {study}: is of tuner's own models: give {typed(PROGRAM, *said)}"
            )
        return
    saved = Function.of(plain[FUNCTION])
    if own is None:
        line = typed(program_of(saved.command), *said)
        raise UserError(f"{key}: {study}: is a study of the function {saved.name}: give {line}")
    if own != saved.name:
        raise UserError(
            f"{key}: {study}: is a study of the function {saved.name}: this command's is {own}"
        )


def settings_of(config: Any, settings: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A function's settings from a study; settings added since then get their declared values."""
    from omegaconf import OmegaConf

    declared: Any = OmegaConf.to_container(config[str(config[FUNCTION]["name"])], resolve=False)
    return {**declared, **settings}
