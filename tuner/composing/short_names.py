"""Short names: the end of a setting's path, such as `lr`, where only one setting has it."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.composing.owners import FUNCTION
from tuner.errors import UserError

# A mapping with one of these is a range.
OF_RANGES = {"low", "high", "choices"}

# A key of the config that is switched on, as promote=true, has a key of this name.
SWITCH = "enabled"

# What a config says of a user's function holds no settings, but their names.
NO_SETTINGS = "function."


def full_path(config: Any, key: str, value: Any) -> str:
    """The path of a setting that a command calls by its last name alone.

    Args:
        config: composed, of Hydra's type.
        key: as the command gives it; what has a dot, or is a key of the config, is a path.
        value: that is given, for the error.

    Returns:
        The path; the key itself where no path ends in it.

    Raises:
        UserError: where several paths do.
    """
    from omegaconf import OmegaConf

    if isinstance(value, bool) and OmegaConf.is_dict(config.get(key)) and SWITCH in config[key]:
        return f"{key}.{SWITCH}"
    if "." in key or key in config:
        return key
    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop(FUNCTION, None)  # what is known of the user's function is no setting
    paths = [path for path in _paths(plain) if path.endswith(f".{key}")]
    paths = [path for path in paths if not path.startswith(NO_SETTINGS)]
    if len(paths) > 1:
        meant = [f"{path}={value}" for path in paths]
        raise UserError(f"{key}: {value}: give {', '.join(meant[:-1])} or {meant[-1]}")
    return paths[0] if paths else key


def _paths(plain: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    for key, value in plain.items():
        yield f"{above}{key}"
        if isinstance(value, Mapping) and not OF_RANGES & value.keys():
            yield from _paths(value, f"{above}{key}.")
