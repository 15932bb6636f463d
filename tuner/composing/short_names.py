"""Short names: the end of a setting's path, such as `lr`, if only one setting has it."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuner.composing.owners import FUNCTION
from tuner.errors import UserError

# A mapping with one of these keys is a range.
OF_RANGES = {"low", "high", "choices"}

# A key that can be switched on, such as promote=true, has a key of this name below it.
SWITCH = "enabled"

# The description of a user function in a config, which holds names of settings but no values.
NO_SETTINGS = "function."


def full_path(config: Any, key: str, value: Any) -> str:
    """The path of a setting that a command gives by its last name.

    Args:
        config: the composed config, of Hydra's type.
        key: the given key; a key with a dot, or a key of the config, is already a path.
        value: the given value, for the error.

    Returns:
        The path; the key itself if no path ends in it.

    Raises:
        UserError: if several paths end in it.
    """
    from omegaconf import OmegaConf

    if isinstance(value, bool) and OmegaConf.is_dict(config.get(key)) and SWITCH in config[key]:
        return f"{key}.{SWITCH}"
    if "." in key or key in config:
        return key
    plain: Any = OmegaConf.to_container(config, resolve=False)
    plain.pop(FUNCTION, None)  # it describes the user function
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
