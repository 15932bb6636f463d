"""The codec: typed results to plain data for JSON, and back.

JSON has no infinity and no nan: they become null. Where a null is read for a number that may not
be None, it is infinity.
"""

import math
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError

T = TypeVar("T")


def _null_for_infinity(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _null_for_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_null_for_infinity(item) for item in value]
    return value


def _infinity_for_null(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {path: math.inf if item is None else item for path, item in value.items()}


# Settings by path; the numbers among them may be infinite.
Settings = Annotated[
    Mapping[str, Any], BeforeValidator(_infinity_for_null), PlainSerializer(_null_for_infinity)
]
# Plain data that may hold numbers which are not finite, and read back without them.
Plain = Annotated[Any, PlainSerializer(_null_for_infinity)]


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, kind))
    return adapter


def to_json(value: Any) -> Any:
    """The plain data of a dataclass, its fields in their order."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def from_json(kind: type[T], plain: Any) -> T:
    """The dataclass in plain data.

    Raises:
        ValueError: in one line, if they are none of that kind.
    """
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {first['msg']}") from None
    return value
