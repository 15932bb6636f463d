"""Settings of what is found by name: their schema is the code that takes them."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, create_model

from tuner.config.messages import line, no_such_key
from tuner.config.schema import DataConfig
from tuner.data import readers


def data(plain: Any, problems: list[str]) -> Any:
    """The data settings, checked by what their reader takes; null stands for a default.

    Args:
        plain: what stands under `data`; what is no mapping is returned, for the schema to refuse.
        problems: gets a line for each mistake.
    """
    if not isinstance(plain, Mapping):
        return plain
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
            problems.append(no_such_key(f"data.{key}", f"the reader {reader}", known))
        elif len(e["loc"]) > 1:
            problems.append(f"data.{key}: {e['input']!r}: must be text or a list of texts")
        else:
            problems.append(line({**e, "loc": ("data", key)}))
    return DataConfig(name="none")
