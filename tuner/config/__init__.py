"""The config: checked before anything starts; each mistake is one line."""

from dataclasses import replace

from pydantic import ValidationError

from tuner.config import auto
from tuner.config.checks import check_together
from tuner.config.found import FOUND
from tuner.config.function_space import function_space
from tuner.config.messages import KNOWN, MADE, line, no_such_key, shown
from tuner.config.schema import KEYS, Config, Plain
from tuner.config.space import space_of
from tuner.errors import UserError
from tuner.function import Function

__all__ = ["Config", "check"]

# The key that describes a user function, and the keys that its config may have besides its name.
FUNCTION, OF_FUNCTIONS = "function", ("schedule", "where")


def check(plain: Plain, function: Function | None = None) -> Config:
    """Checks a composed mapping of plain data and makes the config.

    Args:
        plain: the result of `tuner.composing.compose`; it is not modified.
        function: the command's user function, with the code that a config of it trains.

    Raises:
        UserError: with one line for each wrong key; if each key is right by itself, one line for
            the first settings that do not go together.
    """
    # Keys that are made here must not be given.
    problems = [
        no_such_key(key, "the config", KNOWN) for key in MADE if key in plain and key != FUNCTION
    ]
    left = () if FUNCTION in plain else tuple(auto.open_in(plain))
    now = auto.settled(plain, auto.UNREAD) if left else plain
    rest = {key: value for key, value in now.items() if key not in MADE or key == FUNCTION}
    own = None
    if FUNCTION in rest:
        own = with_code(Function.of(rest.pop(FUNCTION)), function)
        where = {key: rest.pop(key, None) for key in (own.name, *OF_FUNCTIONS)}
        space = function_space(where, own, problems)
    else:
        searched = {key: rest.pop(key, None) for key in KEYS}
        space = space_of(searched, problems)
    found = {key: read(rest[key], problems) for key, read in FOUND.items() if key in rest}
    try:
        config = Config(**rest | found, function=own, space=space, plain=shown(plain), auto=left)
    except ValidationError as error:
        refused = {key for key, value in found.items() if value is None}
        problems += [line(e) for e in error.errors() if e["loc"][0] not in refused]
    if problems:
        raise UserError(*problems)
    check_together(config)
    return config


def with_code(saved: Function, function: Function | None) -> Function:
    """The function described in a config, with its code if the command has it.

    Raises:
        UserError: if the command's function is another one.
    """
    if function is None:
        return saved
    if (saved.name, saved.kinds) != (function.name, function.kinds):
        raise UserError(
            f"{saved.name}: has the settings {', '.join(saved.kinds) or 'none'}; the function of "
            f"this command is {function.name}, with {', '.join(function.kinds) or 'none'}: give "
            "another study.name, or the old function back"
        )
    return replace(saved, asks=function.asks, command=function.command, call=function.call)
