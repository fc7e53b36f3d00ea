"""JSON to frozen dataclasses and back, every field checked against its annotation."""

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


def from_json(kind: type[T], content: Any) -> T:
    """Return the dataclass ``kind`` from the object that ``json`` has read.

    Fields it does not know are passed over: a newer program may have written them. One that has
    a default may be missing: an older program has not written it. Raises KeyError for any other
    that is missing, TypeError for one that is something else, ValueError for no member of an enum.
    """
    if not isinstance(content, dict):
        raise TypeError(content)
    given = [f for f in fields(kind) if f.name in content or f.default is MISSING]  # type: ignore[arg-type]
    return kind(**{f.name: _convert(content[f.name], f.type) for f in given})


def _convert(value: Any, annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(value)
        return tuple(_convert(item, typing.get_args(annotation)[0]) for item in value)
    if origin is types.UnionType:  # "X | None" is the only union in use
        return None if value is None else _convert(value, typing.get_args(annotation)[0])
    if is_dataclass(annotation):
        return from_json(typing.cast("type[Any]", annotation), value)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation(value)
    if annotation is float and type(value) is int:
        return float(value)
    if type(value) is not annotation:  # not isinstance: true is no pid
        raise TypeError(value)
    return value
