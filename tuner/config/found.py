"""Settings of parts that are found by name: the signature of their code is the schema."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import ValidationError, create_model

from tuner.config.messages import line, no_such_key
from tuner.config.schema import DataConfig, Strict
from tuner.data import readers
from tuner.errors import setting
from tuner.search import pruners, samplers
from tuner.search.pruners import Pruner
from tuner.search.samplers import Sampler


def data(plain: Any, problems: list[str]) -> DataConfig | None:
    """The data settings, checked against their reader's signature; null means the default.

    Args:
        plain: the value of `data`.
        problems: receives a line for each mistake.

    Returns:
        The common settings and those of the reader; None if there was a mistake.
    """
    if not _is_mapping("data", plain, problems):
        return None
    reader = plain.get("reader") or "bundled"
    if not _is_known("data.reader", reader, readers.names(), problems):
        return None
    own: dict[str, Any] = {
        key: (p.annotation, ... if p.default is p.empty else p.default)
        for key, p in readers.settings(reader).items()
        if plain.get("name") != "none"
    }
    schema = create_model("DataConfig", __base__=DataConfig, **own)
    known = schema.model_fields
    given = {key: value for key, value in plain.items() if value is not None or key not in known}
    found: DataConfig | None = _checked("data", f"the reader {reader}", schema, given, problems)
    return found


def sampler(plain: Any, problems: list[str]) -> Sampler | None:
    """The chosen sampler; None after a mistake, which is added to `problems`."""
    found: Sampler | None = _made("sampler", plain, samplers, problems)
    return found


def pruner(plain: Any, problems: list[str]) -> Pruner | None:
    """The chosen pruner; None after a mistake, which is added to `problems`."""
    found: Pruner | None = _made("pruner", plain, pruners, problems)
    return found


# A setting of tables with many allowed types, which pydantic would report one by one.
ORDINAL = "ordinal"

# The function that checks each of these parts of the config.
FOUND: dict[str, Callable[[Any, list[str]], Any]] = {
    "data": data,
    "sampler": sampler,
    "pruner": pruner,
}


def _made(group: str, plain: Any, package: Any, problems: list[str]) -> Any:
    """Makes the named member of a package with the other settings."""
    if not _is_mapping(group, plain, problems):
        return None
    if "name" not in plain:
        problems.append(f"{group}.name: is missing")
        return None
    if not _is_known(f"{group}.name", plain["name"], package.names(), problems):
        return None
    kind = package.load(plain["name"])
    types = get_type_hints(kind, include_extras=True)
    own: dict[str, Any] = {f.name: (types[f.name], _default(f)) for f in fields(kind) if f.init}
    schema = create_model(kind.__name__, __base__=Strict, name=(str, ...), **own)
    settings = _checked(group, f"{group}={plain['name']}", schema, plain, problems)
    return settings and kind(**{key: getattr(settings, key) for key in own})


def _default(field: Any) -> Any:
    """The default of a dataclass's field for pydantic: ... if it is required."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return ... if field.default is MISSING else field.default


def _is_mapping(group: str, plain: Any, problems: list[str]) -> bool:
    if not isinstance(plain, Mapping):
        problems.append(f"{group}: {plain!r}: must be a mapping")
    return isinstance(plain, Mapping)


def _is_known(path: str, name: Any, known: list[str], problems: list[str]) -> bool:
    if name not in known:
        problems.append(f"{path}: {name!r}: must be one of {', '.join(known)}")
    return name in known


def _checked(
    group: str, owner: str, schema: Any, plain: Mapping[Any, Any], problems: list[str]
) -> Any:
    """The settings checked by the schema; None if there was a mistake."""
    try:
        return schema(**{str(key): value for key, value in plain.items()})
    except ValidationError as error:
        # A setting that allows several types has one error for each of them: keep the last.
        errors = {str(e["loc"][0]): e for e in error.errors()}
    for key, e in errors.items():
        if e["type"] == "extra_forbidden":
            problems.append(no_such_key(f"{group}.{key}", owner, schema.model_fields))
        elif "list[str]" in e["loc"]:
            number = e["input"] if isinstance(e["input"], bool | int | float) else None
            typed = setting(f"{group}.{key}", str(number))
            mend = "" if number is None else f"; quote a name that is a number: {typed}"
            problems.append(f"{group}.{key}: {e['input']!r}: must be text or a list of texts{mend}")
        elif key == ORDINAL:
            problems.append(
                f"{group}.{key}: {plain[key]!r}: must be the levels of columns, lowest first, as "
                "{size: [S, M, L]}"
            )
        else:
            problems.append(line({**e, "loc": (group, *e["loc"])}))
    return None
