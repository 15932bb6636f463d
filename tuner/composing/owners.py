"""Owners: `+best` and the like take settings only from a study of the same function."""

from collections.abc import Mapping
from typing import Any

from tuner.errors import UserError
from tuner.function import PROGRAM, Function, program_of, typed

# Under which a file of a study says of which function it is.
FUNCTION = "function"

# Where studies are kept if nothing is said.
USUAL = "mlruns"


def check_owner(config: Any, key: str, study: str, root: str, plain: Mapping[Any, Any]) -> None:
    """Refuses what is of another function than the command's, or of none, and the other way round.

    Args:
        config: composed, of Hydra's type.
        key: that asks for it, as `best`.
        study: that it is taken of.
        root: the folder that studies are kept in.
        plain: what the study's file says.

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
    """A function's settings as a study has them; those that it has got since are as it declares."""
    from omegaconf import OmegaConf

    declared: Any = OmegaConf.to_container(config[str(config[FUNCTION]["name"])], resolve=False)
    return {**declared, **settings}
