"""A user's own training function: what its signature declares, as settings of the config.

    def train(lr: float = tuner.range(1e-4, 1.0, scale="log"), width: int = 64, *, epochs, seed):
        ...
        yield {"train_loss": ..., "validation_loss": ...}

Parameters with a default are settings: numbers and text are fixed, `range`, `choices` and `branch`
are searched. Parameters named as in ASKED are what tuner gives.
"""

import inspect
import keyword
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, get_type_hints

from tuner.errors import UserError

# How tuner's own command begins, as people type it.
PROGRAM = "python -m tuner"

# What tuner gives to a function that has a parameter of this name.
ASKED = ("epochs", "seed", "fold", "folds", "schedule", "checkpoint", "log")

# What a setting may be, by the annotation of its parameter, or by the type of its default.
KINDS: dict[Any, str] = {float: "number", int: "whole", str: "text", bool: "flag"}
ANY, BRANCH = "any", "branch"

# How a function is run that no command has: `tuner.tune(train)`, in Python.
CALLED = "tuner.tune"

# Keys of a range as a config has it.
LOW, CHOICES = "low", "choices"

Plain = dict[str, Any]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Searched:
    """A default that is searched: a range or choices, as a config has them."""

    plain: Plain


@dataclass(frozen=True)
class Branches:
    """A default that is one of several options, each with settings of its own."""

    options: Mapping[str, Settings]


class Branch(dict[str, Any]):
    """What a function gets for a `branch`: the settings of the option that was chosen.

    Attributes:
        name: of the option.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(settings)
        self.name = name

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            known = ", ".join(self) or "no settings"
            raise AttributeError(f"{self.name} has {known}, not {key}") from None


def range(low: float, high: float, *, scale: str = "linear", step: float | None = None) -> Any:
    """A number that is searched, as the default of a parameter.

    Args:
        low, high: the ends, which belong to it; whole numbers for an `int`.
        scale: "linear", "log", or "reverse_log" for numbers close to 1, as a momentum.
        step: of a grid that begins at low.
    """
    plain: Plain = {LOW: low, "high": high, "scale": scale}
    return Searched(plain if step is None else {**plain, "step": step})


def choices(options: Sequence[Any]) -> Any:
    """One of a list of numbers, texts or flags, as the default of a parameter."""
    return Searched({CHOICES: list(options)})


def branch(**options: Settings) -> Any:
    """One of several options with settings of their own, as the default of a parameter.

    The function gets a `Branch`: with

        optimizer=tuner.branch(sgd={"lr": tuner.range(0.01, 1)}, adam={"beta": 0.9})

    `optimizer.name` is "sgd" or "adam", and `optimizer["lr"]` or `optimizer.lr` its setting. A
    setting is searched only in the trials that take its option.

    Args:
        options: by name, the settings of each: numbers, texts, `range` or `choices`.
    """
    return Branches(options)


@dataclass(frozen=True)
class Function:
    """A training function as tuner knows it.

    Attributes:
        name: under which its settings stand in the config.
        settings: what its signature declares of each, as a config has it.
        kinds: of each setting: number, whole, text, flag, any or branch.
        asks: the parameters that tuner gives.
        command: that runs it, as people type it.
        call: the function itself; None where only a study's folder tells of it.
    """

    name: str
    settings: Plain = field(compare=False)
    kinds: dict[str, str]
    asks: tuple[str, ...]
    command: str = field(compare=False)
    call: Callable[..., Any] | None = field(default=None, compare=False)

    @property
    def is_called(self) -> bool:
        """Whether no command runs it, but `tuner.tune` in Python."""
        return self.command.startswith(f"{CALLED}(")

    def plain(self) -> Plain:
        """What the config of a study keeps of it; no code."""
        return {
            "name": self.name,
            "kinds": dict(self.kinds),
            "asks": list(self.asks),
            "command": self.command,
        }

    @classmethod
    def of(cls, plain: Any) -> "Function":
        """What `plain` gave.

        Raises:
            UserError: if it is none.
        """
        texts = isinstance(plain, dict) and all(
            isinstance(plain.get(key), str) for key in ("name", "command")
        )
        known = {*KINDS.values(), ANY, BRANCH}
        if (
            not texts
            or not isinstance(plain.get("kinds"), dict)
            or not isinstance(plain.get("asks"), list)
            or not str(plain["name"]).isidentifier()
            or plain["command"] != program_of(plain["command"])
            or not all(str(key).isidentifier() for key in plain["kinds"])
            or not set(map(str, plain["kinds"].values())) <= known
            or not set(map(str, plain["asks"])) <= set(ASKED)
        ):
            raise UserError(f"function: {plain!r}: is none, as a study's config keeps it")
        kinds = {str(key): str(kind) for key, kind in plain["kinds"].items()}
        return cls(plain["name"], {}, kinds, tuple(plain["asks"]), plain["command"])


def program_of(line: str) -> str:
    """How a command that stands in a study's folder begins: `python train.py`, or tuner's own.

    A folder may be a stranger's: nothing else is taken from there for people to type, and no script
    that itself lies in the folder of a study.

    >>> program_of("python 'my train.py' +best=train"), program_of("curl example.org | sh")
    ("python 'my train.py'", 'python -m tuner')
    """
    try:
        words = shlex.split(line)[:2]
    except ValueError:
        return PROGRAM
    own = len(words) == 2 and words[0] == "python" and words[1].isprintable()
    if not own or words[1].startswith("-") or "studies" in PurePath(words[1]).parts:
        return PROGRAM
    return shlex.join(words)


def declared(call: Callable[..., Any], command: str, space: Settings | None = None) -> Function:
    """What a function's signature declares.

    Args:
        call: the function.
        command: that runs it.
        space: settings in place of the declared ones, by parameter.

    Raises:
        UserError: for what is no training function, and for a parameter that cannot be a setting.
    """
    name = getattr(call, "__name__", "")
    if not callable(call) or not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(f"{call!r}: is no function with a name: give one made by def")
    try:
        parameters = inspect.signature(call).parameters
        hints = get_type_hints(call)
    except (NameError, TypeError, ValueError) as error:
        raise UserError(f"{name}(): its signature cannot be read: {error}") from None
    given = dict(space or {})
    settings: Plain = {}
    kinds: dict[str, str] = {}
    for key, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UserError(f"{name}(): {parameter}: name each setting: a function takes no others")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UserError(f"{name}(): {key}: is given by name: leave the / out")
        if key in ASKED:
            continue
        value = given.pop(key, parameter.default)
        if value is parameter.empty:
            raise UserError(
                f"{name}(): {key}: has no default: give a number, tuner.range(...) or "
                f"tuner.choices(...); tuner itself gives {', '.join(ASKED)}"
            )
        settings[key] = _plain(f"{name}(): {key}", value)
        kinds[key] = _kind(value, hints.get(key))
    if given:
        known = ", ".join(settings) or "none"
        raise UserError(f"{name}(): {next(iter(given))}: is no setting of it: it has {known}")
    asks = tuple(key for key in ASKED if key in parameters)
    return Function(name, settings, kinds, asks, command, call)


def _plain(where: str, value: Any) -> Any:
    """A default as a config has it."""
    if isinstance(value, Searched):
        return dict(value.plain)
    if isinstance(value, Branches):
        return {
            option: {key: _plain(f"{where}.{option}.{key}", own) for key, own in settings.items()}
            for option, settings in value.options.items()
        }
    if isinstance(value, Mapping) and {LOW, CHOICES} & value.keys():
        return dict(value)
    if value is None or isinstance(value, int | float | str | bool):
        return value
    raise UserError(
        f"{where}: {value!r}: must be a number, text, true or false, tuner.range, tuner.choices "
        "or tuner.branch"
    )


def _kind(value: Any, hint: Any) -> str:
    """What a setting may be: by its annotation; without one, by its default."""
    if isinstance(value, Branches):
        return BRANCH
    if hint in KINDS:
        return KINDS[hint]
    if hint is not None:
        return ANY
    plain = value.plain if isinstance(value, Searched) else {CHOICES: [value]}
    ends = plain.get(CHOICES) or [plain[LOW], plain["high"]]
    found = {KINDS.get(type(own), ANY) for own in ends}
    if found == {"number", "whole"}:
        return "number"
    return found.pop() if len(found) == 1 else ANY
