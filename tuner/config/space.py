"""The search space of a config: which settings are fixed and which are searched."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tuner.config.messages import unknown, unknown_option
from tuner.errors import UserError
from tuner.search.constraints import parse
from tuner.search.space import Choices, Range, Setting, Space
from tuner.training import functions, losses, optimizers, schedules
from tuner.training.domains import Domain, Hyperparameter
from tuner.training.families import AUTO, FAMILIES, Allowed

MODELS: dict[str, Mapping[str, Allowed]] = {
    **{name: family.settings for name, family in FAMILIES.items()},
    **{name: functions.settings(name) for name in functions.names()},
}

# Stands for the default of a hyperparameter: the value from its paper, or the common library.
TEXTBOOK = "textbook"

# Up to this number, floats represent every integer exactly.
LARGEST = 2**53

BATCH_SIZE = Domain(1, 1e7, high_closed=True)

# The values of a part of a config, by key.
Given = Mapping[str, Any]


def space_of(plain: Given, problems: list[str]) -> Space:
    """The space of a config.

    Args:
        plain: the value of each of KEYS.
        problems: receives a line for each mistake; after any, the space is incomplete.
    """
    reading = _Reading(problems, plain)
    for option, values in reading.options("loss", [AUTO, *losses.names()]).items():
        numbers = {} if option == AUTO else losses.load(option).own
        reading.rule(f"loss.{option}", values or {}, numbers)
    for option, values in reading.options("optimizer", optimizers.names()).items():
        own = optimizers.load(option).hyperparameters
        reading.rule(f"optimizer.{option}", values or {}, own)
    reading.schedules()
    for option, values in reading.options("model", MODELS).items():
        reading.model(f"model.{option}", values or {}, MODELS[option])
    reading.put("batch_size", plain["batch_size"], BATCH_SIZE, whole=True)
    space = Space(reading.fixed, reading.searched, reading.branches)
    # Conditions come last, because they may name any setting.
    return space if problems else conditions(space, plain["where"], problems)


def space_of_schedule(plain: Given, problems: list[str]) -> Space:
    """The schedules of a config only, as in `space_of`."""
    reading = _Reading(problems, {"schedule": plain.get("schedule")})
    reading.schedules()
    return Space(reading.fixed, reading.searched, reading.branches)


@dataclass
class Parts:
    """The parts of a space read so far, and the mistakes found."""

    problems: list[str]
    fixed: dict[str, Any] = field(default_factory=dict, init=False)
    searched: dict[str, Setting] = field(default_factory=dict, init=False)
    branches: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)

    def add(self, path: str, read: Callable[[], Any]) -> None:
        """Adds what `read` returns to the fixed or searched settings; a mistake to problems."""
        try:
            setting = read()
        except UserError as error:
            self.problems.append(str(error))
            return
        if isinstance(setting, Range | Choices):
            self.searched[path] = setting
        else:
            self.fixed[path] = setting


@dataclass
class _Reading(Parts):
    """The parts of a config's space read so far."""

    plain: Given

    def put(self, path: str, value: Any, domain: Allowed, whole: bool = False) -> None:
        """Adds a setting to the fixed or the searched ones."""
        self.add(path, lambda: setting_of(path, value, domain, whole))

    def options(self, group: str, known: Iterable[str]) -> Given:
        """The chosen options of a group, with their settings; several are branches."""
        options = self.plain[group]
        if not isinstance(options, Mapping) or not options:
            self.problems.append(f"{group}: {options!r}: must name one or more: --help lists them")
            return {}
        self.branches[group] = tuple(options)
        if len(options) > 1:
            self.searched[group] = Choices(tuple(options))
        else:
            self.fixed[group] = next(iter(options))
        self.problems.extend(
            f"{group}.{option}: {unknown_option(option, group, known, options)}"
            for option in options
            if option not in known
        )
        return {option: values for option, values in options.items() if option in known}

    def mapping(self, path: str, values: Any, known: Given) -> bool:
        """Whether the values of an option are a mapping; if not, adds a problem."""
        if isinstance(values, Mapping):
            return True
        names = ", ".join(known) or "nothing"
        self.problems.append(f"{path}: {values!r}: must be a mapping of {names}")
        return False

    def rule(self, path: str, values: Any, known: Mapping[str, Hyperparameter]) -> None:
        """Adds the hyperparameters of a rule, with defaults for those not given."""
        if not self.mapping(path, values, known):
            return
        self.problems += [
            f"{path}.{key}: {unknown(key, path, known)}" for key in values if key not in known
        ]
        for key, hyperparameter in known.items():
            value = by_the_book(values.get(key), hyperparameter.default)
            if value is None:
                self.fixed[f"{path}.{key}"] = hyperparameter.default
            else:
                self.put(f"{path}.{key}", value, hyperparameter.domain)

    def schedules(self) -> None:
        """Adds the chosen schedules, or the parts of one."""
        schedule = self.plain["schedule"]
        if isinstance(schedule, Mapping) and schedules.PARTS in schedule:
            self.parts(schedule)
            return
        for option, values in self.options("schedule", schedules.names()).items():
            own = schedules.schedule_hyperparameters(option)
            self.rule(f"schedule.{option}", values or {}, own)

    def model(self, path: str, values: Any, known: Mapping[str, Allowed]) -> None:
        """Adds a model's settings; lists such as widths have a path per item, or are choices."""
        if not self.mapping(path, values, known):
            return
        for key, value in values.items():
            if key not in known:
                self.problems.append(f"{path}.{key}: {unknown(key, path, known)}")
                continue
            domain = known[key]
            whole = isinstance(domain, Domain) and domain.whole
            if isinstance(domain, Domain) and domain.many and isinstance(value, list):
                if not value and not domain.none:
                    self.problems.append(f"{path}.{key}: []: must hold one number or more")
                for i, item in enumerate(value):
                    self.put(f"{path}.{key}.{i}", item, domain, whole)
            else:
                self.put(f"{path}.{key}", value, domain, whole)

    def parts(self, options: Given) -> None:
        """Adds the parts of schedule.parts, which replace the chosen schedule."""
        path, parts = f"schedule.{schedules.PARTS}", options[schedules.PARTS]
        self.branches["schedule"] = (schedules.PARTS,)
        self.fixed["schedule"] = schedules.PARTS
        if len(options) > 2:
            others = ", ".join(name for name in options if name != schedules.PARTS)
            self.problems.append(f"{path}: replaces one schedule, not several ({others})")
        if not isinstance(parts, list) or not parts:
            self.problems.append(
                f"{path}: {parts!r}: must be a list of parts, as {{name: cosine, until: 0.5}}"
            )
            return
        known = [n for n in schedules.names() if not schedules.load(n).state]
        ends: list[float] = [0.0]
        for i, part in enumerate(parts):
            values = dict(part) if isinstance(part, Mapping) else {}
            name = values.pop("name", None)
            if name not in known:
                self.problems.append(
                    f"{path}.{i}.name: {name!r}: must be one of {', '.join(known)}"
                )
                continue
            self.fixed[f"{path}.{i}.name"] = name
            own = {**schedules.PART, **schedules.schedule_hyperparameters(name)}
            self.rule(f"{path}.{i}", values, own)
            end, last = values.get("until", 1.0), i == len(parts) - 1
            if isinstance(end, int | float):
                if end != 1 if last else not ends[-1] < end < 1:
                    lie = "be 1, as the last" if last else f"lie between {ends[-1]:g} and 1"
                    self.problems.append(f"{path}.{i}.until: {end}: must {lie}")
                ends.append(end)


def by_the_book(value: Any, default: Any) -> Any:
    """Replaces `textbook` in choices by the default; `textbook` alone becomes None."""
    if value == TEXTBOOK:
        return None
    if isinstance(value, Mapping) and isinstance(value.get("choices"), list):
        options = [default if option == TEXTBOOK else option for option in value["choices"]]
        return {**value, "choices": options}
    return value


def conditions(space: Space, texts: Any, problems: list[str]) -> Space:
    """The space with conditions parsed from texts."""
    found = []
    for text in texts if isinstance(texts, list) else [] if texts is None else [texts]:
        try:
            found.append(parse(text, space.kinds(), space.branches))
        except UserError as error:
            problems.append(str(error))
    return replace(space, conditions=tuple(found))


def setting_of(path: str, value: Any, domain: Allowed, whole: bool) -> Any:
    """The checked setting: a number, a word, a Range or Choices.

    Args:
        path: the setting's path, for errors.
        value: the value in the config.
        domain: the domain of its numbers, or the allowed words.
        whole: whether its numbers are integers.

    Raises:
        UserError: if it is none of these.
    """
    if not isinstance(value, Mapping):
        return _value(path, value, domain, whole)
    allowed = ("low", "high", "scale", "step", "choices")
    for key in value:
        if key not in allowed:
            raise UserError(f"{path}.{key}: {unknown(str(key), 'a range', allowed)}")
    # Given choices replace the default config's range, into which they were merged.
    if value.get("choices") is not None:
        options = value["choices"]
        if not isinstance(options, list) or not options:
            raise UserError(f"{path}.choices: {options!r}: must be a list of one value or more")
        checked = [_choice(f"{path}.choices", option, domain, whole) for option in options]
        if len({repr(option) for option in checked}) < len(checked):
            raise UserError(f"{path}.choices: {options!r}: must not contain a value twice")
        return Choices(tuple(checked))
    if isinstance(domain, tuple):
        raise UserError(
            f"{path}: {value!r}: must be one of {', '.join(map(str, domain))}, or choices of them"
        )
    return _range(path, value, domain, whole)


def _choice(path: str, option: Any, domain: Allowed, whole: bool) -> Any:
    lists = isinstance(domain, Domain) and domain.many and (bool(option) or domain.none)
    if isinstance(option, list) and lists:
        return [_value(path, item, domain, whole) for item in option]
    return _value(path, option, domain, whole)


def _range(path: str, value: Given, domain: Domain, whole: bool) -> Range:
    for key in ("low", "high"):
        if value.get(key) is None:
            raise UserError(f"{path}.{key}: is missing: a range is {{low: ..., high: ...}}")
    low = _value(f"{path}.low", value["low"], domain, whole)
    high = _value(f"{path}.high", value["high"], domain, whole)
    scale = value.get("scale") or "linear"
    if scale not in ("linear", "log", "reverse_log"):
        raise UserError(f"{path}.scale: {scale!r}: must be linear, log or reverse_log")
    if not low < high:
        mend = ": give the number alone" if low == high else ""
        raise UserError(f"{path}: low ({low}) must be below high ({high}){mend}")
    if scale == "log" and low <= 0:
        raise UserError(f"{path}.low: {low}: must be above 0 on a log scale")
    if scale == "reverse_log" and high >= 1:
        raise UserError(f"{path}.high: {high}: must be below 1 on a reverse_log scale")
    if scale == "reverse_log" and whole:
        raise UserError(f"{path}.scale: reverse_log: must be linear or log for whole numbers")
    step = value.get("step")
    if step is not None:
        if scale != "linear":
            raise UserError(f"{path}.step: {step}: needs scale: linear")
        step = _value(f"{path}.step", step, Domain(0, math.inf, low_closed=False), whole)
        if step > high - low:
            raise UserError(f"{path}.step: {step}: must be at most high - low ({high - low:g})")
    found = Range(low, high, scale, step, integer=whole)
    if step is not None and found.size > LARGEST:
        raise UserError(
            f"{path}.step: {step:g}: makes more than {LARGEST} values: give a larger step, or none"
        )
    return found


def _value(path: str, value: Any, domain: Allowed, whole: bool) -> Any:
    if isinstance(domain, tuple):
        if value not in domain:
            raise UserError(f"{path}: {value!r}: must be one of {', '.join(map(str, domain))}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # An int may exceed the largest float; NaN lies in no domain.
    if number and not abs(value) <= sys.float_info.max:
        raise UserError(f"{path}: {value}: must be finite, and {domain}")
    if number and value not in domain:
        raise UserError(f"{path}: {value}: must be {domain}")
    if not number or (whole and value != int(value)):
        raise UserError(f"{path}: {value!r}: must be {'a whole' if whole else 'a'} number")
    return int(value) if whole else float(value)
