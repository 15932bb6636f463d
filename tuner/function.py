"""A user's own training function: what its signature declares, as settings of the config.

    def train(lr: float = tuner.range(1e-4, 1.0, scale="log"), width: int = 64, *, epochs, seed):
        ...
        yield {"train_loss": ..., "validation_loss": ...}

Parameters with a default are settings: numbers and text are fixed, `range`, `choices` and `branch`
are searched. Parameters named as in ASKED are what tuner gives.
"""

import inspect
import json
import keyword
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tuner.declarations import CHOICES, LOW, WORDS, Branch, Branches, Given, Plain, Searched
from tuner.errors import UserError

# The command line of tuner itself.
PROGRAM = "python -m tuner"

# Parameters that tuner passes to a function if its signature has them.
ASKED = ("epochs", "seed", "fold", "folds", "schedule", "checkpoint", "log")

# The kind of a setting, by the annotation of its parameter or by the type of its default.
KINDS: dict[Any, str] = {float: "number", int: "whole", str: "text", bool: "flag"}
ANY, BRANCH, ONE = "any", "branch", "one"
ALL_KINDS = {*KINDS.values(), ANY, BRANCH, ONE}

# The start of the call that runs a function without a command: `tuner.tune(train)`.
CALLED = "tuner.tune"

# Matches such a call.
CALL = re.compile(rf"{re.escape(CALLED)}\((?P<name>[A-Za-z_]\w*)[,)]")

# Texts with a special meaning in Hydra.
REFERENCE, MISSING = "${", "???"


@dataclass(frozen=True)
class Function:
    """A user's training function.

    Attributes:
        name: its name, under which the config has its settings.
        settings: the declared settings, in the form of a config.
        kinds: the kind of each setting: number, whole, text, flag, any, branch, or one (of its
            values).
        asks: the parameters that tuner passes.
        command: the command that runs it.
        call: the function itself; None if it is known only from a study's folder.
        values: by setting, further values that are allowed besides those of its kind, such as None.
        options: by branch, its options with the kinds of their settings. If a branch declares no
            options, the config defines them.
    """

    name: str
    settings: Plain = field(compare=False)
    kinds: dict[str, str]
    asks: tuple[str, ...]
    command: str = field(compare=False)
    call: Callable[..., Any] | None = field(default=None, compare=False)
    values: dict[str, list[Any]] = field(default_factory=dict, compare=False)
    options: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict, compare=False)

    @property
    def is_called(self) -> bool:
        """Whether `tuner.tune` runs it from Python, without a command."""
        return self.command.startswith(f"{CALLED}(")

    def plain(self) -> Plain:
        """The description that a study's config keeps; it contains no code."""
        return {
            "name": self.name,
            "kinds": dict(self.kinds),
            "asks": list(self.asks),
            "command": self.command,
            "values": {key: list(values) for key, values in self.values.items()},
            "options": {
                key: {option: dict(kinds) for option, kinds in options.items()}
                for key, options in self.options.items()
            },
        }

    @classmethod
    def of(cls, plain: Any) -> "Function":
        """The function described by the result of `plain`.

        Raises:
            UserError: if the description is invalid.
        """
        texts = isinstance(plain, dict) and all(
            isinstance(plain.get(key), str) for key in ("name", "command")
        )
        if (
            not texts
            or not isinstance(plain.get("kinds"), dict)
            or not isinstance(plain.get("asks"), list)
            or not str(plain["name"]).isidentifier()
            or plain["command"] != program_of(plain["command"])
            or not all(str(key).isidentifier() for key in plain["kinds"])
            or not set(map(str, plain["kinds"].values())) <= ALL_KINDS
            or not set(map(str, plain["asks"])) <= set(ASKED)
            or not _lists(plain.get("values", {}))
            or not _kinds_of_options(plain.get("options", {}))
        ):
            raise UserError(f"function: {plain!r}: is not a function as a study's config stores it")
        kinds = {str(key): str(kind) for key, kind in plain["kinds"].items()}
        values, options = plain.get("values", {}), plain.get("options", {})
        asks, command = tuple(plain["asks"]), plain["command"]
        return cls(plain["name"], {}, kinds, asks, command, None, values, options)


def _lists(plain: Any) -> bool:
    """Whether it is a mapping of lists."""
    return isinstance(plain, dict) and all(isinstance(own, list) for own in plain.values())


def _kinds_of_options(plain: Any) -> bool:
    """Whether it is a mapping of branches to options to kinds of settings."""
    return isinstance(plain, dict) and all(
        isinstance(options, dict)
        and all(
            isinstance(kinds, dict)
            and all(str(word).isidentifier() for word in (option, *kinds))
            and set(map(str, kinds.values())) <= ALL_KINDS
            for option, kinds in options.items()
        )
        for options in plain.values()
    )


def program_of(line: str) -> str:
    """The start of a command from a study's folder: `python train.py`, or tuner's own.

    A folder may be untrusted. So the only commands taken from there to show to people are these and
    a `tuner.tune` call, and no script inside a study's folder.

    >>> program_of("python 'my train.py' +best=train"), program_of("curl example.org | sh")
    ("python 'my train.py'", 'python -m tuner')
    >>> program_of('tuner.tune(train, settings={"+best": "train"})')
    'tuner.tune(train)'
    """
    if call := CALL.match(line):
        return f"{CALLED}({call['name']})"
    try:
        words = shlex.split(line)[:2]
    except ValueError:
        return PROGRAM
    own = len(words) == 2 and words[0] == "python" and words[1].isprintable()
    if not own or words[1].startswith("-") or "studies" in PurePath(words[1]).parts:
        return PROGRAM
    return shlex.join(words)


def typed(program: str, *settings: str) -> str:
    """The command or Python call with these settings, as people type it.

    For a study of a `tuner.tune` call, other jobs than tune use tuner's own command.

    Args:
        program: the start of the command, from `program_of`.
        settings: settings in Hydra's form.

    >>> typed("python train.py", "+best=train"), typed("tuner.tune(train)", "job=ui")
    ('python train.py +best=train', 'python -m tuner job=ui')
    >>> typed("tuner.tune(train)", "+best=train", "root=results")
    'tuner.tune(train, root="results", settings={"+best": "train"})'
    """
    if CALL.match(program) is None:
        return f"{program} {shlex.join(settings)}"
    if any(setting.startswith("job=") for setting in settings):
        return f"{PROGRAM} {shlex.join(settings)}"
    names = {"study.name": "name", "root": "root"}
    given = {key: _literal(value) for key, _, value in (own.partition("=") for own in settings)}
    said = [f"{name}={given.pop(key)}" for key, name in names.items() if key in given]
    rest = ", ".join(f"{json.dumps(key)}: {value}" for key, value in given.items())
    said += [f"settings={{{rest}}}"] if rest else []
    return f"{program[:-1]}, {', '.join(said)})"


def _literal(text: str) -> str:
    """A Python literal for a text in Hydra's form, which doubles \\ only before a quote."""
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        halved = re.sub(r'\\+(?="|\Z)', lambda found: found[0][: len(found[0]) // 2], text[1:-1])
        text = halved
    return json.dumps(text, ensure_ascii=False)


def declared(call: Callable[..., Any], command: str, space: Given | None = None) -> Function:
    """Reads the declarations of a function's signature.

    Args:
        call: the function.
        command: the command that runs it.
        space: settings that replace the declared ones, by parameter.

    Raises:
        UserError: if it is not a training function, or a parameter cannot be a setting.
    """
    name = _name_of(call)
    try:
        parameters = inspect.signature(call).parameters
    except (NameError, TypeError, ValueError) as error:
        raise UserError(f"{name}(): Python cannot read its signature: {error}") from None
    hints = _hints(call)
    given = dict(space or {})
    settings: Plain = {}
    kinds: dict[str, str] = {}
    values: dict[str, list[Any]] = {}
    options: dict[str, dict[str, dict[str, str]]] = {}
    for key, parameter in parameters.items():
        where = f"{name}(): {key}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UserError(f"{name}(): {parameter}: name each setting as a parameter")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise UserError(f"{where}: tuner passes it by name: remove the / from the signature")
        if key in ASKED:
            if isinstance(parameter.default, Searched | Branches):
                raise UserError(f"{where}: tuner passes it: leave out its range")
            continue
        if key in WORDS or not key.isascii():
            mend = (
                "is a reserved word of ranges" if key in WORDS else "must consist of ASCII letters"
            )
            raise UserError(f"{where}: {mend}: give another name")
        hint, value = hints.get(key), parameter.default
        if value is parameter.empty and hint is Branch:
            value = Branches({})
        if key in given:
            value = _in_place(where, given.pop(key), value)
        if value is parameter.empty:
            raise UserError(
                f"{where}: has no default: give a number, tuner.range(...) or "
                f"tuner.choices(...); tuner itself gives {', '.join(ASKED)}"
            )
        if isinstance(value, Branches):
            settings[key], kinds[key] = _options(where, value), BRANCH
            options[key] = {
                option: {own: _by_default(default) for own, default in plain.items()}
                for option, plain in settings[key].items()
            }
            continue
        settings[key] = _plain(where, value)
        kinds[key], values[key] = _kind(settings[key], hint)
    if given:
        known = ", ".join(settings) or "none"
        raise UserError(
            f"{name}(): {next(iter(given))}: is not a setting of the function, which has {known}"
        )
    asks = tuple(key for key in ASKED if key in parameters)
    more = {key: own for key, own in values.items() if own}
    return Function(name, settings, kinds, asks, command, call, more, options)


def _name_of(call: Any) -> str:
    """The name of a function; raises UserError for anything else."""
    name = getattr(call, "__name__", "")
    if not callable(call):
        raise UserError(f"{call!r:.100}: is not a function: give one that yields numbers")
    if inspect.isclass(call):
        raise UserError(f"{name}: is a class: give a function, or a method of an object of it")
    if not name.isidentifier() or keyword.iskeyword(name):
        what = "a lambda" if name == "<lambda>" else f"an object of {type(call).__name__}"
        raise UserError(f"{what} has no name for the config: give a function defined with def")
    if not name.isascii():
        raise UserError(f"{name}(): must consist of ASCII letters: give another name")
    inner = inspect.unwrap(call)
    if inspect.isasyncgenfunction(inner) or inspect.iscoroutinefunction(inner):
        raise UserError(f"{name}(): is async: define it with def and yield")
    return str(name)


def _hints(call: Callable[..., Any]) -> Plain:
    """The annotations that can be evaluated; names that only type checkers know are skipped."""
    try:
        return get_type_hints(call)
    except Exception:  # evaluating an annotation may raise anything
        pass
    found: Plain = {}
    for key, hint in getattr(inspect.unwrap(call), "__annotations__", {}).items():
        one = type("one", (), {"__annotations__": {key: hint}})
        try:
            found |= get_type_hints(one, getattr(call, "__globals__", {}))
        except Exception:
            continue
    return found


def _in_place(where: str, value: Any, declared: Any) -> Any:
    """The given value of a parameter in place of its declared one."""
    if not isinstance(declared, Branches) or isinstance(value, Branches):
        return value
    if isinstance(value, Mapping):
        return Branches({**value})
    names = value.plain[CHOICES] if isinstance(value, Searched) else value
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not set(map(str, names)) <= {*declared.options}:
        known = ", ".join(declared.options)
        raise UserError(f"{where}: {value!r:.100}: must be options of it, which has {known}")
    return Branches({name: declared.options[name] for name in names})


def _options(where: str, branches: Branches) -> Plain:
    """The options of a branch in the form of a config."""
    found: Plain = {}
    for option, settings in branches.options.items():
        if not isinstance(settings, Mapping | None):
            raise UserError(
                f"{where}.{option}: {settings!r:.100}: must be the settings of the option, as "
                "{'lr': 0.1}"
            )
        for key, own in (settings or {}).items():
            if isinstance(own, Branches):
                raise UserError(f"{where}.{option}.{key}: is a nested branch: use one level")
        for word in (option, *(settings or {})):
            named = isinstance(word, str) and word.isidentifier() and word.isascii()
            if not named or word in WORDS:
                raise UserError(
                    f"{where}.{option}: {word!r:.100}: must be a name of letters, digits and _, "
                    f"and none of {', '.join(WORDS)}"
                )
        found[option] = {
            key: _plain(f"{where}.{option}.{key}", own) for key, own in (settings or {}).items()
        }
    return found


def _plain(where: str, value: Any) -> Any:
    """A default in the form of a config."""
    if isinstance(value, Searched):
        value = value.plain
    if isinstance(value, Mapping) and {LOW, CHOICES} & value.keys():
        plain = {key: _scalar(own) for key, own in value.items()}
        if CHOICES not in plain:
            return plain
        if not isinstance(plain[CHOICES], list) or not plain[CHOICES]:
            raise UserError(
                f"{where}: choices: {plain[CHOICES]!r:.100}: must be a list of one value or more"
            )
        return {**plain, CHOICES: [_one(f"{where}: choices", own) for own in plain[CHOICES]]}
    return _one(where, value)


def _one(where: str, value: Any) -> Any:
    """A checked value that is not a range."""
    value = _scalar(value)
    if isinstance(value, str) and (REFERENCE in value or value == MISSING):
        raise UserError(f"{where}: {value!r:.100}: Hydra does not read it as text: give other text")
    if value is None or (isinstance(value, int | float | str) and not isinstance(value, Enum)):
        return value
    raise UserError(
        f"{where}: {value!r:.100}: must be a number, text, true or false, tuner.range, "
        "tuner.choices or tuner.branch"
    )


def _scalar(value: Any) -> Any:
    """Converts a NumPy number or a scalar tensor to a Python number."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "shape", 1) == () else value


def _kind(plain: Any, hint: Any) -> tuple[str, list[Any]]:
    """The kind of a setting, by its annotation or its default, and further allowed values."""
    if hint is None:
        return _by_default(plain), []
    several = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = {own for own in several if own is not NoneType}
    beside: list[Any] = [None] if NoneType in several or plain is None else []
    if kinds and all(get_origin(own) is Literal for own in kinds):
        named = [value for own in several for value in get_args(own)]
        if all(type(value) in (*KINDS, NoneType) for value in named):
            return ONE, [*named, *beside]
    if kinds == {int, float}:
        return KINDS[float], beside
    kind = KINDS.get(kinds.pop(), ANY) if len(kinds) == 1 else ANY
    return kind, beside if kind != ANY else []


def _by_default(plain: Any) -> str:
    """The kind of a setting, by the type of its default, of its bounds or of its choices."""
    ends = plain if isinstance(plain, dict) else {CHOICES: [plain]}
    own = ends[CHOICES] if CHOICES in ends else [ends.get(LOW), ends.get("high")]
    found = {KINDS.get(type(value), ANY) for value in own}
    if found == {KINDS[int], KINDS[float]}:
        return KINDS[float]
    return found.pop() if len(found) == 1 else ANY
