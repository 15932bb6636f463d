"""The config: what a composed one must be, checked before anything starts, in a line a mistake."""

from pydantic import ValidationError

from tuner.config.checks import check_together
from tuner.config.found import FOUND
from tuner.config.messages import KNOWN, MADE, line, no_such_key, shown
from tuner.config.schema import KEYS, Config, Plain
from tuner.config.space import space_of
from tuner.errors import UserError

__all__ = ["Config", "check"]


def check(plain: Plain) -> Config:
    """The config in a composed mapping of plain data.

    Args:
        plain: what `tuner.composing.compose` returns; it is not changed.

    Raises:
        UserError: one line for each key that is wrong; where each is right by itself, one line for
            the first two that do not go together.
    """
    # What is made here is no key that may be given.
    problems = [no_such_key(key, "the config", KNOWN) for key in MADE if key in plain]
    rest = {key: value for key, value in plain.items() if key not in MADE}
    searched = {key: rest.pop(key, None) for key in KEYS}
    space = space_of(searched, problems)
    found = {key: read(rest[key], problems) for key, read in FOUND.items() if key in rest}
    try:
        config = Config(**rest | found, space=space, plain=shown(plain))
    except ValidationError as error:
        refused = {key for key, value in found.items() if value is None}
        problems += [line(e) for e in error.errors() if e["loc"][0] not in refused]
    if problems:
        raise UserError(*problems)
    check_together(config)
    return config
