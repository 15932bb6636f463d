"""The search space of a user function: its settings, checked by their declared kinds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.config.messages import unknown
from tuner.config.space import LARGEST, Parts, conditions, setting_of, space_of_schedule
from tuner.declarations import CHOICES, LOW, Given
from tuner.errors import UserError
from tuner.function import ANY, BRANCH, KINDS, ONE, Function
from tuner.search.ranges import Choices
from tuner.search.space import Space
from tuner.training.domains import Domain

SCHEDULE = "schedule"

NUMBERS = ("number", "whole")
# Up to LARGEST, floats (and so samplers) represent every integer exactly.
ANY_NUMBER, SEARCHED = Domain(-math.inf, math.inf), Domain(-LARGEST, LARGEST, high_closed=True)

TYPES = {kind: type_ for type_, kind in KINDS.items()}
# The arguments that tuner passes to a function, and how a config sets them.
GIVEN = {
    "epochs": "give budget.epochs",
    "seed": "give study.seed",
    "fold": "give data.folds",
    "folds": "give data.folds",
    "schedule": "give schedule=NAME",
    "checkpoint": "it is a folder of the trial",
    "log": "it keeps files of the trial",
}
SAID = {"text": "text", "flag": "true or false", ONE: "one of its values"}


def function_space(plain: Given, function: Function, problems: list[str]) -> Space:
    """The space of a function's config.

    Args:
        plain: the whole composed config.
        function: the user function; its settings are under its name.
        problems: receives a line for each mistake; after any, the space is incomplete.
    """
    reading = _Reading(problems)
    settings = plain.get(function.name)
    if not isinstance(settings, Mapping):
        problems.append(f"{function.name}: {settings!r:.100}: must be a mapping of its settings")
        return Space({}, {}, {})
    for key in settings:
        if key in GIVEN:
            problems.append(f"{function.name}.{key}: is given by tuner: {GIVEN[key]}")
        elif key not in function.kinds:
            hint = unknown(key, f"{function.name}()", function.kinds)
            problems.append(f"{function.name}.{key}: there is no such setting: {hint}")
    for key, kind in function.kinds.items():
        path = f"{function.name}.{key}"
        if key not in settings:
            problems.append(f"{path}: is missing")
        elif kind == BRANCH:
            reading.branch(path, settings[key], function.options.get(key) or {})
        else:
            reading.put(path, settings[key], kind, function.values.get(key, ()))
    own = Space(reading.fixed, reading.searched, reading.branches)
    if SCHEDULE in function.asks:
        rates = space_of_schedule(plain, problems)
        own = Space(
            {**own.fixed, **rates.fixed},
            {**own.searched, **rates.searched},
            {**own.branches, **rates.branches},
        )
    return own if problems else conditions(own, plain.get("where"), problems)


class _Reading(Parts):
    """The parts of a function's space read so far."""

    def put(self, path: str, value: Any, kind: str, beside: Sequence[Any] = ()) -> None:
        """Adds a setting to the fixed or the searched ones."""
        self.add(path, lambda: _setting(path, value, kind, beside))

    def branch(self, path: str, options: Any, declared: Mapping[str, Mapping[str, str]]) -> None:
        """Adds the options of a branch, and the settings of each.

        Args:
            path: the path of the branch.
            options: the options with their settings, from the config.
            declared: the kinds of each option's settings; empty if only the config defines them.
        """
        if not isinstance(options, Mapping) or not options:
            self.problems.append(
                f"{path}: {options!r:.100}: must hold one option or more, as {{sgd: {{lr: 0.1}}}}"
            )
            return
        self.problems += _wrong_words(path, options, declared)
        self.branches[path] = tuple(map(str, options))
        if len(options) > 1:
            self.searched[path] = Choices(self.branches[path])
        else:
            self.fixed[path] = self.branches[path][0]
        for option, settings in options.items():
            if not isinstance(settings, Mapping | None):
                self.problems.append(f"{path}.{option}: {settings!r:.100}: must be a mapping")
                continue
            for key, value in (settings or {}).items():
                kind = declared.get(option, {}).get(key) or _kind_of(value)
                self.put(f"{path}.{option}.{key}", value, kind)


def _wrong_words(
    path: str, options: Mapping[Any, Any], declared: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """A line for each invalid or missing option and setting."""
    for option, settings in options.items():
        known = declared.get(option)
        if declared and known is None:
            hint = unknown(option, path, declared)
            yield f"{path}.{option}: there is no such option: {hint}"
            continue
        own = settings if isinstance(settings, Mapping) else {}
        for word in (option, *own):
            if not isinstance(word, str) or not word.isidentifier() or not word.isascii():
                yield f"{path}.{option}: {word!r:.100}: must be a name of letters, digits and _"
        if known is None:
            continue
        for key in [key for key in own if key not in known]:
            hint = unknown(key, option, known)
            yield f"{path}.{option}.{key}: there is no such setting: {hint}"
        yield from (f"{path}.{option}.{key}: is missing" for key in known if key not in own)


def _kind_of(value: Any) -> str:
    """The kind of an option's setting, inferred from its value."""
    given = [value]
    if isinstance(value, Mapping):
        choices = value.get(CHOICES)
        given = choices if isinstance(choices, list) else [value.get(LOW), value.get("high")]
    found = {KINDS.get(type(own), ANY) for own in given}
    if found == {*NUMBERS}:
        return "number"
    return found.pop() if len(found) == 1 else ANY


def _setting(path: str, value: Any, kind: str, beside: Sequence[Any]) -> Any:
    """The checked setting: a number, a word, a Range or Choices; raises UserError."""
    if not isinstance(value, Mapping):
        return _value(path, value, kind, beside)
    options = value.get(CHOICES)
    if options is not None:
        several = ("low", "high", "scale", "step", CHOICES)
        for key in value:
            if key not in several:
                raise UserError(f"{path}.{key}: {unknown(str(key), 'a range', several)}")
        if not isinstance(options, list) or not options:
            raise UserError(
                f"{path}.{CHOICES}: {options!r:.100}: must be a list of one value or more"
            )
        checked = [_value(f"{path}.{CHOICES}", option, kind, beside) for option in options]
        if len({repr(option) for option in checked}) < len(checked):
            raise UserError(f"{path}.{CHOICES}: {options!r:.300}: must not contain a value twice")
        return Choices(tuple(checked))
    if kind == ANY:
        kind = _kind_of(value)
    if kind in SAID:
        raise UserError(
            f"{path}: {value!r:.100}: must be {_said(kind, beside)}, or choices of them, as "
            "{choices: [...]}"
        )
    for key in ("low", "high", "step"):
        _check_finite(f"{path}.{key}", value.get(key))
    return setting_of(path, value, SEARCHED, kind == "whole")


def _value(path: str, value: Any, kind: str, beside: Sequence[Any]) -> Any:
    """A checked fixed value, or a choice; raises UserError."""
    if any(type(value) is type(own) and value == own for own in beside):
        return value
    _check_finite(path, value)
    if kind in NUMBERS:
        try:
            return setting_of(path, value, ANY_NUMBER, kind == "whole")
        except UserError as error:
            raise UserError(f"{error}{' or null' if None in beside else ''}") from None
    if kind != ANY and not isinstance(value, TYPES.get(kind, ())):
        raise UserError(f"{path}: {value!r:.100}: must be {_said(kind, beside)}")
    if kind == ANY and value is not None and not isinstance(value, int | float | str):
        raise UserError(f"{path}: {value!r:.100}: must be a number, text, true, false or null")
    return value


def _said(kind: str, beside: Sequence[Any]) -> str:
    """What a value must be, in words."""
    words = {None: "null", True: "true", False: "false"}
    named = [words.get(own, str(own)) if isinstance(own, bool | None) else own for own in beside]
    if kind == ONE:
        return f"one of {', '.join(map(str, named))}"
    return " or ".join((SAID[kind], *map(str, named)))


def _check_finite(path: str, value: Any) -> None:
    """Raises UserError for a number that is infinite or NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{path}: {value}: must be finite")
