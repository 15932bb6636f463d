"""The space of a user's function: its settings as a config has them, by the kinds it declares."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.config.messages import unknown
from tuner.config.space import conditions, setting_of, space_of_schedule
from tuner.errors import UserError
from tuner.function import ANY, BRANCH, CHOICES, KINDS, LOW, Function
from tuner.search.ranges import Choices, Range, Setting
from tuner.search.space import Space
from tuner.training.domains import Domain

SCHEDULE = "schedule"

NUMBERS = ("number", "whole")
ANY_NUMBER = Domain(-math.inf, math.inf)

# What a part of a config holds, by key.
Given = Mapping[str, Any]
TYPES = {kind: type_ for type_, kind in KINDS.items()}


def function_space(plain: Given, function: Function, problems: list[str]) -> Space:
    """The space of a function's config.

    Args:
        plain: the whole config, as it is composed.
        function: whose settings stand under its name.
        problems: gets a line for each mistake; if there is any, the space is not whole.
    """
    reading = _Reading(function.name, problems)
    settings = plain.get(function.name)
    if not isinstance(settings, Mapping):
        problems.append(f"{function.name}: {settings!r}: must be a mapping of its settings")
        settings = {}
    for key in settings:
        if key not in function.kinds:
            hint = unknown(key, f"{function.name}()", function.kinds)
            problems.append(f"{function.name}.{key}: there is no such setting: {hint}")
    for key, kind in function.kinds.items():
        path = f"{function.name}.{key}"
        if key not in settings:
            problems.append(f"{path}: is missing")
        elif kind == BRANCH:
            reading.branch(path, settings[key])
        else:
            reading.put(path, settings[key], kind)
    own = Space(reading.fixed, reading.searched, reading.branches)
    if SCHEDULE in function.asks:
        rates = space_of_schedule(plain, problems)
        own = Space(
            {**own.fixed, **rates.fixed},
            {**own.searched, **rates.searched},
            {**own.branches, **rates.branches},
        )
    return own if problems else conditions(own, plain.get("where"), problems)


@dataclass
class _Reading:
    """A space under way, and what was wrong so far."""

    function: str
    problems: list[str]
    fixed: dict[str, Any] = field(default_factory=dict)
    searched: dict[str, Setting] = field(default_factory=dict)
    branches: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def put(self, path: str, value: Any, kind: str) -> None:
        """Puts a setting among the fixed or the searched ones."""
        try:
            setting = _setting(path, value, kind)
        except UserError as error:
            self.problems.append(str(error))
            return
        if isinstance(setting, Range | Choices):
            self.searched[path] = setting
        else:
            self.fixed[path] = setting

    def branch(self, path: str, options: Any) -> None:
        """Puts the options of a branch, and the settings of each."""
        if not isinstance(options, Mapping) or not options:
            self.problems.append(f"{path}: {options!r}: must hold one option or more")
            return
        self.branches[path] = tuple(map(str, options))
        if len(options) > 1:
            self.searched[path] = Choices(self.branches[path])
        else:
            self.fixed[path] = self.branches[path][0]
        for option, settings in options.items():
            if not isinstance(settings, Mapping | None):
                self.problems.append(f"{path}.{option}: {settings!r}: must be a mapping")
                continue
            for key, value in (settings or {}).items():
                self.put(f"{path}.{option}.{key}", value, _kind_of(value))


def _kind_of(value: Any) -> str:
    """The kind of a setting of an option, by what is given."""
    given = [value]
    if isinstance(value, Mapping):
        choices = value.get(CHOICES)
        given = choices if isinstance(choices, list) else [value.get(LOW), value.get("high")]
    found = {KINDS.get(type(own), ANY) for own in given}
    if found == {*NUMBERS}:
        return "number"
    return found.pop() if len(found) == 1 else ANY


def _setting(path: str, value: Any, kind: str) -> Any:
    """A number, a word, a Range or Choices; raises UserError."""
    if kind in NUMBERS:
        return setting_of(path, value, ANY_NUMBER, kind == "whole")
    if isinstance(value, Mapping):
        options = value.get(CHOICES)
        if options is None and kind == ANY:
            return setting_of(path, value, ANY_NUMBER, False)
        if not isinstance(options, list) or not options:
            raise UserError(f"{path}: {value!r}: must be choices, as {{choices: [...]}}")
        for option in options:
            _check(f"{path}.choices", option, kind)
        if len({repr(option) for option in options}) < len(options):
            raise UserError(f"{path}.choices: {options!r}: must not name a value twice")
        return Choices(tuple(options))
    _check(path, value, kind)
    return value


def _check(path: str, value: Any, kind: str) -> None:
    """Raises UserError for a value that is not of the kind."""
    if kind != ANY:
        if not isinstance(value, TYPES[kind]):
            words = {"text": "text", "flag": "true or false"}
            raise UserError(f"{path}: {value!r}: must be {words[kind]}")
    elif value is not None and not isinstance(value, int | float | str | bool):
        raise UserError(f"{path}: {value!r}: must be a number, text, true, false or null")
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{path}: {value!r}: must be finite")
