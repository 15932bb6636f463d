"""The config groups: folders of options, and packages whose modules are options."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner import discovery
from tuner.errors import UserError, did_you_mean

# An error lists up to this many options; beyond, it refers to --help.
FEW = 12

# The groups in which several options may be chosen, as branches of the search.
SEVERAL = ("optimizer", "schedule", "model", "loss")

# The groups whose options need no file in conf/: each module of the package is one.
PACKAGES = {"sampler": "tuner.search.samplers", "pruner": "tuner.search.pruners"}


def config_folder() -> Path:
    """The folder conf/: inside the package in a wheel, next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(p for p in (package / "conf", package.parent / "conf") if p.is_dir())


def options(group: str, folders: Sequence[Path]) -> set[str]:
    """The options of a group: its files in the folders, and the modules of its package, if any.

    Empty for a key that is not a group.
    """
    found = discovery.names(PACKAGES[group]) if group in PACKAGES else []
    return {*files(group, folders), *found}


def files(group: str, folders: Sequence[Path]) -> set[str]:
    """The options of a group that have a file in one of the folders."""
    found = (path for folder in folders for path in (folder / group).glob("*.yaml"))
    return {path.stem for path in found if path.is_file()}


def check_options(group: str, chosen: Any, known: set[str]) -> None:
    """Refuses unknown options, and several options where one is allowed.

    Args:
        group: the group.
        chosen: one name or a list of names.
        known: the existing options.

    Raises:
        UserError: for the first that is refused.
    """
    several = group in SEVERAL
    if isinstance(chosen, list) and not several:
        raise UserError(
            f"{group}: {chosen}: choose one; several go with {' and '.join(SEVERAL)} alone"
        )
    names = chosen if isinstance(chosen, list) else [chosen]
    if not names:
        raise UserError(f"{group}: []: must name one or more: --help lists them")
    if len({str(name) for name in names}) < len(names):
        raise UserError(f"{group}: {names}: must name each once")
    for name in names:
        if str(name) not in known:
            hint = did_you_mean(name, sorted(known), 5, 0.4)
            these = ", ".join(sorted(known)) if len(known) <= FEW else "those in --help"
            raise UserError(f"{group}: {name}: {hint}must be one of {these}")
