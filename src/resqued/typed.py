"""JSON to frozen dataclasses and back, every field checked against its annotation."""

import types
import typing
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def from_json(kind: type[T], content: Any) -> T:
    """Return the dataclass ``kind`` from the object that ``json`` has read.

    Fields it does not know are passed over: a newer program may have written them. Raises
    KeyError for one that is missing and TypeError for one that is something else.
    """
    if not isinstance(content, dict):
        raise TypeError(content)
    values = {f.name: _convert(content[f.name], f.type) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


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
    if annotation is float and type(value) is int:
        return float(value)
    if type(value) is not annotation:  # not isinstance: true is no pid
        raise TypeError(value)
    return value
