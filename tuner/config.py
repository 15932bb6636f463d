"""The schema: what a composed config must be, checked before anything starts.

Every error is one line that names the key, the value and what is allowed.
"""

import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tuner.errors import UserError, did_you_mean
from tuner.search.space import Choices, Range, Setting, Space
from tuner.training import optimizers, schedules
from tuner.training.domains import Domain, Hyperparameter

# Pydantic's words, and those of the other checks.
_WORDS = {
    "input should": "must",
    "string should": "must",
    "must match pattern": "must match",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "must be a valid integer": "must be a whole number",
    "must be a valid number": "must be a number",
    "must be a valid string": "must be text",
}
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(gt=0, lt=1)]


# So many names are given in an error; of more, --help tells.
FEW = 20

STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


def _folder(root: Path) -> Path:
    if root == Path():
        raise ValueError("must be the path of a folder")
    return root


def _store(uri: str) -> str:
    if uri.partition("://")[0].partition("+")[0] not in STORES:
        raise ValueError(f"must be a URI of {', '.join(STORES)}, as http://127.0.0.1:5000")
    return uri


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class StudyConfig(_Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    project: Annotated[str, Field(min_length=1, max_length=250)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    cohort: _Count


class BudgetConfig(_Strict):
    trials: _Count
    epochs: _Count
    seconds: Annotated[float, Field(gt=0)] | None


class DataConfig(_Strict):
    name: str
    validation_fraction: _Share = 0.2
    test_fraction: _Share | None = None
    scale: Literal["standard", "minmax", "none"] = "standard"
    folder: str | None = None


class SamplerConfig(_Strict):
    name: Literal["tpe", "random", "quasi_random", "grid"]
    startup: Annotated[int, Field(ge=1)] = 16


class PrunerConfig(_Strict):
    name: Literal["halving", "none"]
    keep: _Share = 0.5
    first_rung: _Share = 0.1


class TrackingConfig(_Strict):
    name: Literal["mlflow", "none"]
    uri: Annotated[str, AfterValidator(_store)] | None = None


class Config(_Strict):
    """A whole composed config; `space` holds everything that a trial is made of."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        strict=True,
        arbitrary_types_allowed=True,
    )

    job: str
    root: Annotated[Path, Field(strict=False), AfterValidator(_folder)]
    threads: _Count | None
    dtype: Literal["float32", "float64"]
    study: StudyConfig
    budget: BudgetConfig
    data: DataConfig
    sampler: SamplerConfig
    pruner: PrunerConfig
    tracking: TrackingConfig
    model: str
    space: Space
    plain: dict[str, Any]


MODELS: dict[str, dict[str, Domain | tuple[str, ...]]] = {
    "mlp": {
        "hidden": Domain(1, 1e5, high_closed=True),
        "activation": ("relu", "tanh", "logistic"),
    },
    "softmax": {},
    "logistic": {},
    "linear": {},
    "quadratic": {"start": Domain(-1e6, 1e6, high_closed=True)},
}

BATCH_SIZE = Domain(1, 1e7, high_closed=True)


def check(plain: Mapping[str, Any]) -> Config:
    """The config in a composed mapping of plain data.

    Raises UserError, one line for each key that is wrong.
    """
    rest = dict(plain)
    searched = {
        key: rest.pop(key, None) for key in ("optimizer", "schedule", "model", "batch_size")
    }
    problems: list[str] = []
    space = _space(searched, problems)
    model = searched["model"] if isinstance(searched["model"], Mapping) else {}
    try:
        config = Config(**rest, model=str(model.get("name")), space=space, plain=dict(plain))
    except ValidationError as error:
        problems += [_line(e) for e in error.errors()]
    if problems:
        raise UserError("\n".join(problems))
    _check_together(config)
    return config


def _check_averages(space: Space) -> None:
    """Validation sees one average at the most: the rule's own, ema's or the tail's."""
    for name in space.branches["optimizer"]:
        asked = [
            path
            for key in ("ema", "tail_average")
            if (path := f"optimizer.{name}.{key}") in space.searched or space.fixed[path] > 0
        ]
        if optimizers.load(name).averages and asked:
            raise UserError(f"{asked[0]}: {name} averages by itself: give 0")
        if len(asked) > 1:
            raise UserError(f"{asked[1]}: goes without {asked[0]}: give one of the two")


def _check_together(config: Config) -> None:
    """What no key can tell by itself."""
    _check_averages(config.space)
    function = config.model == "quadratic"
    if function != (config.data.name == "none"):
        mend = "data=none" if function else "data=digits, or another data set"
        raise UserError(
            f"data: {config.data.name}: does not go with model={config.model}: give {mend}"
        )
    if config.sampler.name == "grid" and (path := config.space.without_end()):
        raise UserError(
            f"{path}: a grid needs countable values: give {{choices: [...]}}, a number, or a "
            "linear range with a step"
        )
    if config.pruner.name == "halving" and config.study.cohort < 2:
        raise UserError(
            "study.cohort: 1: halving compares the trials of a cohort: give 2 or more, "
            "or pruner=none"
        )


def _place(error: Any) -> tuple[str, list[str]]:
    """The part of the config where an unknown key stands, and the keys that are there."""
    fields, where = Config.model_fields, "the config"
    for part in error["loc"][:-1]:
        kind: Any = fields[part].annotation
        fields, where = kind.model_fields, part
    return where, [name for name in fields if name not in ("space", "plain")]


def _line(error: Any) -> str:
    """One line from pydantic's description of an error."""
    path = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
    if error["type"] == "extra_forbidden":
        return f"{path}: there is no such key: {_unknown(path.split('.')[-1], *_place(error))}"
    if error["type"] == "missing":
        return f"{path}: is missing"
    if error["type"] == "model_type":
        return f"{path}: {error['input']!r}: must be a mapping"
    if error["type"] == "path_type":
        return f"{path}: {error['input']!r}: must be the path of a folder"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    return f"{path}: {error['input']!r}: {message}"


def _space(plain: Mapping[str, Any], problems: list[str]) -> Space:
    fixed: dict[str, Any] = {}
    searched: dict[str, Setting] = {}
    branches: dict[str, tuple[str, ...]] = {}

    def put(path: str, value: Any, domain: Domain | tuple[str, ...], whole: bool = False) -> None:
        try:
            setting = _setting(path, value, domain, whole)
        except UserError as error:
            problems.append(str(error))
            return
        if isinstance(setting, Range | Choices):
            searched[path] = setting
        else:
            fixed[path] = setting

    for group, known, parameters in (
        ("optimizer", optimizers.names(), lambda n: optimizers.load(n).hyperparameters),
        ("schedule", schedules.names(), schedules.schedule_hyperparameters),
    ):
        options = plain[group]
        if not isinstance(options, Mapping) or not options:
            problems.append(f"{group}: {options!r}: must name one or more: --help lists them")
            continue
        if group == "schedule" and schedules.PARTS in options:
            branches[group], fixed[group] = (schedules.PARTS,), schedules.PARTS
            _parts(options, fixed, put, problems)
            continue
        branches[group] = tuple(options)
        if len(options) > 1:
            searched[group] = Choices(tuple(options))
        else:
            fixed[group] = next(iter(options))
        for option, values in options.items():
            if option not in known:
                problems.append(f"{group}.{option}: {_unknown(option, group, known)}")
                continue
            _hyperparameters(
                f"{group}.{option}", values or {}, parameters(option), fixed, put, problems
            )

    model = plain["model"]
    name = model.get("name") if isinstance(model, Mapping) else None
    if not isinstance(name, str) or name not in MODELS:
        problems.append(f"model.name: {name!r}: must be one of {', '.join(MODELS)}")
    else:
        fixed["model"] = name
        for key, value in model.items():
            if key == "name":
                continue
            if key not in MODELS[name]:
                problems.append(f"model.{key}: {_unknown(key, name, MODELS[name])}")
            elif key == "hidden" and isinstance(value, list):
                if not value:
                    problems.append("model.hidden: []: must hold a width; model=softmax has none")
                for layer, width in enumerate(value):
                    put(f"model.hidden.{layer}", width, MODELS[name][key], whole=True)
            else:
                put(f"model.{key}", value, MODELS[name][key], whole=key == "hidden")
    put("batch_size", plain["batch_size"], BATCH_SIZE, whole=True)
    return Space(fixed, searched, branches)


def _parts(
    options: Mapping[str, Any], fixed: dict[str, Any], put: Any, problems: list[str]
) -> None:
    """The parts of schedule.parts, which take the place of the schedule that was chosen."""
    path, parts = f"schedule.{schedules.PARTS}", options[schedules.PARTS]
    if len(options) > 2:
        others = ", ".join(name for name in options if name != schedules.PARTS)
        problems.append(f"{path}: takes the place of one schedule, not of several ({others})")
    if not isinstance(parts, list) or not parts:
        problems.append(
            f"{path}: {parts!r}: must be a list of parts, as {{name: cosine, until: 0.5}}"
        )
        return
    known = [n for n in schedules.names() if not schedules.load(n).state]
    ends: list[float] = [0.0]
    for i, part in enumerate(parts):
        values = dict(part) if isinstance(part, Mapping) else {}
        name = values.pop("name", None)
        if name not in known:
            problems.append(f"{path}.{i}.name: {name!r}: must be one of {', '.join(known)}")
            continue
        fixed[f"{path}.{i}.name"] = name
        own = {**schedules.PART, **schedules.schedule_hyperparameters(name)}
        _hyperparameters(f"{path}.{i}", values, own, fixed, put, problems)
        end, last = values.get("until", 1.0), i == len(parts) - 1
        if isinstance(end, int | float):
            if end != 1 if last else not ends[-1] < end < 1:
                lie = "be 1, as the last" if last else f"lie between {ends[-1]:g} and 1"
                problems.append(f"{path}.{i}.until: {end}: must {lie}")
            ends.append(end)


def _hyperparameters(
    path: str,
    values: Any,
    known: Mapping[str, Hyperparameter],
    fixed: dict[str, Any],
    put: Any,
    problems: list[str],
) -> None:
    if not isinstance(values, Mapping):
        problems.append(f"{path}: {values!r}: must be a mapping of {', '.join(known) or 'nothing'}")
        return
    problems += [
        f"{path}.{key}: {_unknown(key, path, known)}" for key in values if key not in known
    ]
    for key, hyperparameter in known.items():
        if values.get(key) is None:
            fixed[f"{path}.{key}"] = hyperparameter.default
        else:
            put(f"{path}.{key}", values[key], hyperparameter.domain)


def _unknown(key: object, where: str, known: Iterable[str]) -> str:
    names = list(known)
    few = len(names) <= FEW
    hint = did_you_mean(key, names, 1 if few else 3)
    return f"{hint}{where} has {(', '.join(names) if few else 'those in --help') or 'no settings'}"


def _setting(path: str, value: Any, domain: Domain | tuple[str, ...], whole: bool) -> Any:
    """A number, a word, a Range or Choices; raises UserError."""
    if not isinstance(value, Mapping):
        return _value(path, value, domain, whole)
    allowed = ("low", "high", "scale", "step", "choices")
    for key in value:
        if key not in allowed:
            raise UserError(f"{path}.{key}: {_unknown(str(key), 'a range', allowed)}")
    # Choices, where given, replace the range of the default config that they were merged into.
    if value.get("choices") is not None:
        options = value["choices"]
        if not isinstance(options, list) or not options:
            raise UserError(f"{path}.choices: {options!r}: must be a list of one value or more")
        checked = [_choice(f"{path}.choices", option, domain, whole) for option in options]
        if len({repr(option) for option in checked}) < len(checked):
            raise UserError(f"{path}.choices: {options!r}: must not name a value twice")
        return Choices(tuple(checked))
    if isinstance(domain, tuple):
        raise UserError(
            f"{path}: {value!r}: must be one of {', '.join(domain)}, or choices of them"
        )
    return _range(path, value, domain, whole)


def _choice(path: str, option: Any, domain: Domain | tuple[str, ...], whole: bool) -> Any:
    if isinstance(option, list) and option and whole:
        return [_value(path, item, domain, whole) for item in option]
    return _value(path, option, domain, whole)


def _range(path: str, value: Mapping[str, Any], domain: Domain, whole: bool) -> Range:
    for key in ("low", "high"):
        if value.get(key) is None:
            raise UserError(f"{path}.{key}: is missing: a range is {{low: ..., high: ...}}")
    low = _value(f"{path}.low", value["low"], domain, whole)
    high = _value(f"{path}.high", value["high"], domain, whole)
    scale = value.get("scale") or "linear"
    if scale not in ("linear", "log", "reverse_log"):
        raise UserError(f"{path}.scale: {scale!r}: must be linear, log or reverse_log")
    if not low < high:
        raise UserError(f"{path}: low ({low}) must be below high ({high})")
    if scale == "log" and low <= 0:
        raise UserError(f"{path}.low: {low}: must be above 0 on a log scale")
    if scale == "reverse_log" and high >= 1:
        raise UserError(f"{path}.high: {high}: must be below 1 on a reverse_log scale")
    if scale == "reverse_log" and whole:
        raise UserError(f"{path}.scale: reverse_log: must be linear or log for whole numbers")
    step = value.get("step")
    if step is not None:
        if scale != "linear":
            raise UserError(f"{path}.step: {step}: goes with scale: linear only")
        step = _value(f"{path}.step", step, Domain(0, math.inf, low_closed=False), whole)
        if step > high - low:
            raise UserError(f"{path}.step: {step}: must be at most high - low ({high - low:g})")
    return Range(low, high, scale, step, integer=whole)


def _value(path: str, value: Any, domain: Domain | tuple[str, ...], whole: bool) -> Any:
    if isinstance(domain, tuple):
        if value not in domain:
            raise UserError(f"{path}: {value!r}: must be one of {', '.join(domain)}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # An int has no upper bound, a float has; nan lies in no domain.
    if number and (value != value or abs(value) > sys.float_info.max or value not in domain):
        raise UserError(f"{path}: {value}: must be {domain}")
    if not number or (whole and value != int(value)):
        raise UserError(f"{path}: {value!r}: must be {'a whole' if whole else 'a'} number")
    return int(value) if whole else float(value)
