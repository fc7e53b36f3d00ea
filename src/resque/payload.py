"""A job as it lies in a queue."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import Any

from resque.errors import DecodeError, EncodeError
from resque.ruby_json import encode_json

#: An escape that may be half of a surrogate pair.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: What JSON allows around a value.
_BLANK = " \t\n\r"
#: How deep a value may be without a look whether the writer, who needs more of the stack than the
#: reader for each level, gets to its bottom.
_SHALLOW = 200


@dataclass(frozen=True, slots=True)
class Payload:
    """A job's class and arguments, and the bytes they were read from.

    Whatever has to name the job again (a failure record, ``worker:<id>``) splices ``raw``: that
    keeps keys we do not know and numbers we would round.
    """

    class_name: str
    args: tuple[Any, ...]
    raw: bytes

    @staticmethod
    def encode(class_name: str, args: Sequence[Any]) -> bytes:
        """Return the element to push; raises EncodeError naming the value that cannot be in it.

        The keys are these two, in this order: Ruby compares jobs by their bytes and drops other
        keys when it requeues.
        """
        if not isinstance(class_name, str):
            raise EncodeError("class", f"is of type {type(class_name).__name__}, not str")
        if not isinstance(args, list | tuple):
            raise EncodeError("args", f"is of type {type(args).__name__}, not list or tuple")
        name = encode_json(class_name, "class")
        return b'{"class":' + name + b',"args":' + encode_json(args, "args") + b"}"

    @classmethod
    def decode(cls, raw: bytes) -> "Payload":
        """Read an element of a queue; raises DecodeError if no worker could run it.

        What it accepts, it can encode again. ``args`` that is no list is one argument, or none
        if it is null or missing.
        """
        job = decode_json(raw)
        if not isinstance(job, dict):
            raise DecodeError(f"it is a JSON {json_kind(job)}, not an object", raw)
        class_name = job.get("class")
        if not isinstance(class_name, str):
            raise DecodeError("it has no class name", raw)
        return cls(class_name, _args(job.get("args")), raw)


def decode_json(raw: bytes) -> Any:
    """Return the value of a JSON text. Raises DecodeError for all that cannot be written again."""
    try:
        # What ``decode`` of the decoder does, without two searches for blanks in each payload.
        text = raw.decode().strip(_BLANK)
        value, end = _DECODER.raw_decode(text)
        if end != len(text):
            raise JSONDecodeError("Extra data", text, end)
        if _SURROGATE.search(raw) or raw.count(b"[") + raw.count(b"{") > _SHALLOW:
            encode_json(value)
    except (ValueError, EncodeError) as error:  # not UTF-8 and not JSON are ValueErrors
        raise DecodeError(str(error), raw) from error
    except RecursionError:
        raise DecodeError("it is nested too deeply", raw) from None
    return value


def _args(args: Any) -> tuple[Any, ...]:
    if isinstance(args, list):
        return tuple(args)
    return () if args is None else (args,)


def json_kind(value: Any) -> str:
    """Return what JSON calls a value: "number", "array"; it must be no object."""
    names = {list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:20]} is out of range")
    return number


_DECODER = JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
