"""The codec: typed results to plain data for JSON, and back.

JSON has no infinity and no NaN: they become null. When read back, a null among settings becomes
infinity again, and any other null becomes None.
"""

import json
import math
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, TypeAdapter, ValidationError

T = TypeVar("T")


def _infinity_for_null(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {path: math.inf if item is None else item for path, item in value.items()}


# Settings by path; numbers may be infinite.
Settings = Annotated[Mapping[str, Any], BeforeValidator(_infinity_for_null)]


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, kind))
    return adapter


def to_json(value: Any) -> Any:
    """The plain data of a dataclass, with its fields in order."""
    return json.loads(_adapter(cast(Hashable, type(value))).dump_json(value))


def from_json(kind: type[T], plain: Any) -> T:
    """The dataclass of this type from plain data.

    Raises:
        ValueError: in one line, if the data do not match the type.
    """
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {first['msg']}") from None
    return value
