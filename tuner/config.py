"""The schema: what a composed config must be, checked before anything starts.

Every error is one line that names the key, the value and what is allowed.
"""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from tuner.data import readers
from tuner.errors import UserError, did_you_mean
from tuner.search.constraints import parse
from tuner.search.space import Choices, Range, Setting, Space
from tuner.training import functions, losses, optimizers, schedules
from tuner.training.domains import Domain, Hyperparameter
from tuner.training.families import AUTO, FAMILIES, Allowed

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


# What a study may be called.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

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
    name: Annotated[str, Field(pattern=NAME, max_length=100)]
    project: Annotated[str, Field(min_length=1, max_length=250)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    cohort: _Count
    defaults: bool = True
    warm_start: Annotated[str, Field(pattern=NAME)] | None = None


class BudgetConfig(_Strict):
    trials: _Count
    epochs: _Count
    seconds: Annotated[float, Field(gt=0)] | None
    epochs_total: _Count | None


class StopConfig(_Strict):
    when_noise: bool


class ConfirmConfig(_Strict):
    top: Annotated[int, Field(ge=0)] = 5
    seeds: Annotated[int, Field(ge=2)] = 10
    trials: list[Annotated[int, Field(ge=0)]] | None = None


class CompareConfig(_Strict):
    """data: the data sets of `data=[...]`, each composed; null where there is one."""

    by: Literal["optimizer", "schedule", "model"] | None
    within: _Share
    target: float | None
    data: list[dict[str, Any]] | None = None


class RangeConfig(_Strict):
    epochs: _Count
    confirm_epochs: _Count
    seeds: _Count
    per_decade: Annotated[int, Field(ge=1, le=100)]
    widen: Annotated[float, Field(ge=1, le=1e6)]
    ramp_steps: Annotated[int, Field(ge=20)]


class DataConfig(_Strict):
    """What all data sets take; the settings of the reader are added to it (see `_data`)."""

    name: str
    reader: str = "bundled"
    validation_fraction: _Share = 0.2
    test_fraction: _Share | None = None
    folds: Annotated[int, Field(ge=2)] | None = None
    scale: Literal["standard", "minmax", "maxabs", "none"] = "standard"
    task: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    class_weight: Literal["balanced"] | None = None


class SamplerConfig(_Strict):
    name: Literal["tpe", "random", "quasi_random", "grid"]
    startup: Annotated[int, Field(ge=1)] = 16


class PrunerConfig(_Strict):
    """keep and first_rung are those of halving and hyperband; kind and arguments of optuna."""

    name: Literal["halving", "hyperband", "optuna", "none"]
    keep: _Share = 0.5
    first_rung: _Share = 0.1
    kind: str = "MedianPruner"
    arguments: dict[str, Any] = {}


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
    metric: Annotated[str, Field(min_length=1)] | None
    target: float | None
    stop: StopConfig
    confirm: ConfirmConfig
    compare: CompareConfig
    range: RangeConfig
    data: DataConfig
    sampler: SamplerConfig
    pruner: PrunerConfig
    tracking: TrackingConfig
    space: Space
    plain: dict[str, Any]


MODELS: dict[str, Mapping[str, Allowed]] = {
    **{name: family.settings for name, family in FAMILIES.items()},
    **{name: functions.settings(name) for name in functions.names()},
}

BATCH_SIZE = Domain(1, 1e7, high_closed=True)


def check(plain: Mapping[str, Any]) -> Config:
    """The config in a composed mapping of plain data.

    Raises UserError, one line for each key that is wrong.
    """
    rest = dict(plain)
    searched = {
        key: rest.pop(key, None)
        for key in ("optimizer", "schedule", "model", "loss", "batch_size", "where")
    }
    problems: list[str] = []
    space = _space(searched, problems)
    rest["data"] = _data(rest.get("data"), problems)
    try:
        config = Config(**rest, space=space, plain=dict(plain))
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


def _check_functions(space: Space) -> None:
    """The settings of a function go together, at both ends of their ranges too."""
    for name in set(space.branches["model"]) & set(functions.names()):
        prefix = f"model.{name}."
        fixed = {p.removeprefix(prefix): v for p, v in space.fixed.items() if p.startswith(prefix)}
        ends = {
            path.removeprefix(prefix): s.options if isinstance(s, Choices) else (s.low, s.high)
            for path, s in space.searched.items()
            if path.startswith(prefix)
        }
        for values in product(*ends.values()):
            try:
                functions.create(name, fixed | dict(zip(ends, values, strict=True)))
            except ValueError as error:
                raise UserError(f"{prefix}{error}") from None


def _check_loss(config: Config) -> None:
    """A loss is chosen for a model that leaves it open; losses that are searched must compare."""
    space, chosen = config.space, config.space.branches["loss"]
    closed = [m for m in space.branches["model"] if m not in FAMILIES or FAMILIES[m].own]
    if chosen != (AUTO,) and closed:
        raise UserError(
            f"loss: {', '.join(chosen)}: model={closed[0]} has its own: give loss=auto, or a model "
            f"that takes any: {', '.join(n for n, f in FAMILIES.items() if not f.own)}"
        )
    if config.metric not in (None, "loss"):
        return
    for path in space.searched:
        group, _, number = path.partition(".")
        number = number.rpartition(".")[2]
        differs = number in ("delta", "quantile") and group in ("loss", "model")
        if path == "loss" or path == "model.linear_svm.loss" or differs:
            raise UserError(
                f"{path}: is searched: losses that differ do not compare: fix it, or give a metric"
            )


def _check_together(config: Config) -> None:
    """What no key can tell by itself."""
    _check_averages(config.space)
    _check_functions(config.space)
    _check_loss(config)
    for model in config.space.branches["model"]:
        function = model in functions.names()
        if function != (config.data.name == "none"):
            mend = "data=none" if function else "data=digits, or another data set"
            raise UserError(
                f"data: {config.data.name}: does not go with model={model}: give {mend}"
            )
    if config.sampler.name == "grid":
        if path := config.space.without_end():
            raise UserError(
                f"{path}: a grid needs countable values: give {{choices: [...]}}, a number, or a "
                "linear range with a step"
            )
        if config.study.warm_start is not None:
            raise UserError(
                f"study.warm_start: {config.study.warm_start}: a grid tries its combinations "
                "alone: give another sampler"
            )
    if config.study.warm_start == config.study.name:
        raise UserError(f"study.warm_start: {config.study.name}: must be another study")
    if not config.space.anything_allowed():
        raise config.space.impossible()
    _check_pruner(config)


def _check_pruner(config: Config) -> None:
    """A pruner gets what it needs: others to compare with, and arguments that it takes."""
    name = config.pruner.name
    if name in ("halving", "hyperband") and config.study.cohort < 2:
        raise UserError(
            f"study.cohort: 1: {name} compares the trials of a cohort: give 2 or more, "
            "or pruner=none"
        )
    if name == "optuna":
        from tuner.search.foreign import make

        make(config.pruner.kind, config.pruner.arguments)


def _data(plain: Any, problems: list[str]) -> Any:
    """The data settings, checked by what their reader takes; null stands for a default."""
    if not isinstance(plain, Mapping):
        return plain  # which the schema says
    reader = plain.get("reader") or "bundled"
    if reader not in readers.names():
        problems.append(f"data.reader: {reader!r}: must be one of {', '.join(readers.names())}")
        return DataConfig(name="none")
    own: dict[str, Any] = {
        key: (p.annotation, ... if p.default is p.empty else p.default)
        for key, p in readers.settings(reader).items()
        if plain.get("name") != "none"
    }
    schema = create_model("DataConfig", __base__=DataConfig, **own)
    known = list(schema.model_fields)
    try:
        return schema(**{str(k): v for k, v in plain.items() if v is not None or k not in known})
    except ValidationError as error:
        # Of a setting that may be of several types, there is one error for each of them.
        errors = {str(e["loc"][0]): e for e in error.errors()}
    for key, e in errors.items():
        if e["type"] == "extra_forbidden":
            problems.append(
                f"data.{key}: there is no such key: {_unknown(key, f'the reader {reader}', known)}"
            )
        elif len(e["loc"]) > 1:
            problems.append(f"data.{key}: {e['input']!r}: must be text or a list of texts")
        else:
            problems.append(_line({**e, "loc": ("data", key)}))
    return DataConfig(name="none")


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

    def put(path: str, value: Any, domain: Allowed, whole: bool = False) -> None:
        try:
            setting = _setting(path, value, domain, whole)
        except UserError as error:
            problems.append(str(error))
            return
        if isinstance(setting, Range | Choices):
            searched[path] = setting
        else:
            fixed[path] = setting

    def branch(group: str, known: Iterable[str]) -> Mapping[str, Any]:
        """The options that were chosen of a group, with their settings: branches if several."""
        options = plain[group]
        if not isinstance(options, Mapping) or not options:
            problems.append(f"{group}: {options!r}: must name one or more: --help lists them")
            return {}
        if group == "schedule" and schedules.PARTS in options:
            branches[group], fixed[group] = (schedules.PARTS,), schedules.PARTS
            _parts(options, fixed, put, problems)
            return {}
        branches[group] = tuple(options)
        if len(options) > 1:
            searched[group] = Choices(tuple(options))
        else:
            fixed[group] = next(iter(options))
        problems.extend(
            f"{group}.{option}: {_unknown_option(option, group, known, options)}"
            for option in options
            if option not in known
        )
        return {option: values for option, values in options.items() if option in known}

    for option, values in branch("loss", [AUTO, *losses.names()]).items():
        numbers = {} if option == AUTO else losses.load(option).own
        _hyperparameters(f"loss.{option}", values or {}, numbers, fixed, put, problems)
    for option, values in branch("optimizer", optimizers.names()).items():
        own = optimizers.load(option).hyperparameters
        _hyperparameters(f"optimizer.{option}", values or {}, own, fixed, put, problems)
    for option, values in branch("schedule", schedules.names()).items():
        own = schedules.schedule_hyperparameters(option)
        _hyperparameters(f"schedule.{option}", values or {}, own, fixed, put, problems)
    for option, values in branch("model", MODELS).items():
        _model(f"model.{option}", values or {}, MODELS[option], put, problems)
    put("batch_size", plain["batch_size"], BATCH_SIZE, whole=True)
    space = Space(fixed, searched, branches)
    # What a condition may name is known when all settings are.
    return space if problems else _conditions(space, plain["where"], problems)


def _conditions(space: Space, texts: Any, problems: list[str]) -> Space:
    """The space with its conditions."""
    conditions = []
    for text in texts if isinstance(texts, list) else [] if texts is None else [texts]:
        try:
            conditions.append(parse(text, space.kinds(), space.branches))
        except UserError as error:
            problems.append(str(error))
    return replace(space, conditions=tuple(conditions))


def _model(
    path: str,
    values: Any,
    known: Mapping[str, Allowed],
    put: Any,
    problems: list[str],
) -> None:
    """The settings of a model; many numbers, as widths, are one a path, or choices of lists."""
    if not isinstance(values, Mapping):
        problems.append(f"{path}: {values!r}: must be a mapping of {', '.join(known) or 'nothing'}")
        return
    for key, value in values.items():
        if key not in known:
            problems.append(f"{path}.{key}: {_unknown(key, path, known)}")
            continue
        domain = known[key]
        whole = isinstance(domain, Domain) and domain.whole
        if isinstance(domain, Domain) and domain.many and isinstance(value, list):
            if not value:
                problems.append(f"{path}.{key}: []: must hold one number or more")
            for i, item in enumerate(value):
                put(f"{path}.{key}.{i}", item, domain, whole)
        else:
            put(f"{path}.{key}", value, domain, whole)


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


def _unknown_option(
    option: object, group: str, known: Iterable[str], chosen: Mapping[str, Any]
) -> str:
    """What an unknown option was meant to be: another option, or a setting of one chosen."""
    for name, values in chosen.items():
        if isinstance(values, Mapping) and option in values:
            return f"is a setting of {name}: did you mean {group}.{name}.{option}?"
    return _unknown(option, group, known)


def _setting(path: str, value: Any, domain: Allowed, whole: bool) -> Any:
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
            f"{path}: {value!r}: must be one of {', '.join(map(str, domain))}, or choices of them"
        )
    return _range(path, value, domain, whole)


def _choice(path: str, option: Any, domain: Allowed, whole: bool) -> Any:
    if isinstance(option, list) and option and isinstance(domain, Domain) and domain.many:
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
            raise UserError(f"{path}.step: {step}: goes with scale: linear only")
        step = _value(f"{path}.step", step, Domain(0, math.inf, low_closed=False), whole)
        if step > high - low:
            raise UserError(f"{path}.step: {step}: must be at most high - low ({high - low:g})")
    return Range(low, high, scale, step, integer=whole)


def _value(path: str, value: Any, domain: Allowed, whole: bool) -> Any:
    if isinstance(domain, tuple):
        if value not in domain:
            raise UserError(f"{path}: {value!r}: must be one of {', '.join(map(str, domain))}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # An int has no upper bound, a float has; nan lies in no domain.
    if number and (value != value or abs(value) > sys.float_info.max or value not in domain):
        raise UserError(f"{path}: {value}: must be {domain}")
    if not number or (whole and value != int(value)):
        raise UserError(f"{path}: {value!r}: must be {'a whole' if whole else 'a'} number")
    return int(value) if whole else float(value)
