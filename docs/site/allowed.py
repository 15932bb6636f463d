"""What a setting may be, in words: of a type of the schema, or of a hyperparameter's domain."""

import math
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from tuner.training.domains import Domain

# The requirements of the schema's validators, which no type states.
ASKED = {
    "_store": "the URI of an MLflow server or of a database",
    "_storage": "`postgresql://user@host:5432/database`",
    "_scheduler": "`tcp://host:port` or `tls://host:port`",
    "_model": "text without `/`, `:` and quotes",
}

# The names of types, in the order in which they are listed.
TYPES = {bool: "`true` or `false`", int: "a whole number", float: "a number", str: "text"}


def number(value: float) -> str:
    """A bound in a readable form."""
    if value < 0:
        return f"-{number(-value)}"
    whole = float(value).is_integer() and abs(value) < 1e16
    if whole and abs(value) < 1e4:
        return str(int(value))
    power = math.log10(abs(value)) if value else 0.5
    if whole and power.is_integer():
        return f"10^{int(power)}"
    return f"{int(value):,}" if whole else f"{value:g}"


def domain(own: Any) -> str:
    """The allowed values of a hyperparameter: of a Domain, or of a tuple of words."""
    if isinstance(own, tuple):
        words = ["true" if v is True else "false" if v is False else str(v) for v in own]
        return ", ".join(f"`{word}`" for word in sorted(words, key=words.index))
    text = f"{'at least' if own.low_closed else 'above'} {number(own.low)}"
    if own.high != math.inf:
        text += f", {'at most' if own.high_closed else 'below'} {number(own.high)}"
    if own.low == -math.inf:
        text = "any number"
    text = f"whole, {text}" if own.whole else text
    if own.many:
        text += f"; or a list of them{', or []' if own.none else ''}"
    return text


def field(own: FieldInfo) -> str:
    """The allowed values of a field of the schema."""
    return kind(own.annotation, tuple(own.metadata))


def kind(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """The allowed values of a type; null, which stands for a default, is left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        own, *more = get_args(annotation)
        return kind(own, (*more, *metadata))
    if origin in (Union, UnionType):
        options = [a for a in get_args(annotation) if a is not NoneType]
        bare = [name for own, name in TYPES.items() if own in options]
        if len(bare) > 2:
            return f"{', '.join(bare[:-1])} or {bare[-1]}"
        return " or ".join(dict.fromkeys(kind(own, metadata) for own in options))
    if origin is Literal:
        return ", ".join(f"`{own}`" for own in get_args(annotation))
    if origin is list:
        (inside,) = get_args(annotation)
        mixed = get_origin(inside) in (Union, UnionType)
        return f"a list of {'texts or numbers' if mixed else _several(kind(inside))}"
    if origin is dict or annotation is dict:
        return "a mapping"
    bounds = [_bound(m) for m in _flat(metadata)]
    asked = [text for m in metadata if (text := ASKED.get(_name(m)))]
    if asked:
        return asked[0]
    if annotation is Path:
        return "a path"
    text = TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))
    if annotation in (int, float):
        text = ", ".join([text, *(b for b in bounds if b)])
    return text.replace("number, ", "number ", 1)


def _several(words: str) -> str:
    """The plural of a type's words."""
    return {"text": "texts", "a whole number": "whole numbers", "a number": "numbers"}.get(
        words, words.replace("a whole number", "whole numbers")
    )


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    return [own for m in metadata for own in (m.metadata if isinstance(m, FieldInfo) else [m])]


def _name(constraint: Any) -> str:
    return getattr(getattr(constraint, "func", None), "__name__", "")


def _bound(constraint: Any) -> str:
    """A bound of a number in words."""
    match constraint:
        case Ge(ge=low):
            return f"at least {number(low)}"
        case Gt(gt=low):
            return f"above {number(low)}"
        case Le(le=high):
            return f"at most {number(high)}"
        case Lt(lt=high):
            return f"below {number(high)}"
        case Domain():
            return domain(constraint)
    return ""
