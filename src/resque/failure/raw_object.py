"""JSON objects as text, so that values can be taken out and put in without a byte changed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any

from resque.payload import json_kind

_TOO_DEEP = "it is nested too deeply"
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Member:
    """One key and its value."""

    key: str
    value: Any  #: as ``read_object`` has it
    text: str  #: all of it: key, colon, value
    value_text: str


def read_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object; raises ValueError, saying what it is instead.

    Of numbers it tells only that they are some: each is 0. So they may have any length. Bytes
    that are not UTF-8 may stand in strings, as Oj writes such.
    """
    try:
        value = _DECODER.decode(_decode(raw))
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if not isinstance(value, dict):
        raise ValueError(f"it is a JSON {json_kind(value)}, not an object")  # noqa: TRY004
    return value


@dataclass(frozen=True, slots=True)
class RawObject:
    """A JSON object's members in their order. Of members with the same key the last one counts."""

    members: tuple[Member, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> "RawObject":
        """Read an object; raises as ``read_object``."""
        read_object(raw)
        try:
            return cls(tuple(_members(_decode(raw))))
        except RecursionError:  # just here: how deep one may go depends on how one came here
            raise ValueError(_TOO_DEEP) from None

    def get(self, key: str) -> Any:
        """Return a value; None if it is null or missing."""
        member = self._last(key)
        return None if member is None else member.value

    def raw(self, key: str) -> bytes | None:
        """Return a value's text."""
        member = self._last(key)
        return None if member is None else _encode(member.value_text)

    def without(self, key: str) -> bytes:
        """Return the object's text without ``key``."""
        return _object(member.text for member in self.members if member.key != key)

    def with_last(self, key: str, text: str) -> bytes:
        """Return the object's text with ``key`` as its last member, its value the string."""
        others = [member.text for member in self.members if member.key != key]
        return _object([*others, f'"{key}":"{text}"'])

    def _last(self, key: str) -> Member | None:
        return next((member for member in reversed(self.members) if member.key == key), None)


def _members(text: str) -> Iterator[Member]:
    """Yield the members of what is known to be an object."""
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, key_end = _DECODER.raw_decode(text, at)
        begin = _skip(text, text.index(":", key_end) + 1)
        value, end = _DECODER.raw_decode(text, begin)
        yield Member(key, value, text[at:end], text[begin:end])
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    """Return where the white space at ``at`` ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _object(members: Iterable[str]) -> bytes:
    return _encode("{" + ",".join(members) + "}")


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is none of its values")


def _number(_digits: str) -> int:
    return 0


_DECODER = JSONDecoder(parse_constant=_refuse_constant, parse_int=_number, parse_float=_number)
