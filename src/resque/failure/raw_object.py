"""JSON objects as text, so that values can be taken out and put in without a byte changed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json import JSONDecoder
from typing import Any

from resque.payload import json_kind

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Member:
    """One key and its value."""

    key: str
    value: Any  #: decoded; of numbers only that they are some: each is 0
    text: str  #: all of it: key, colon, value
    value_text: str


@dataclass(frozen=True, slots=True)
class RawObject:
    """A JSON object's members in their order. Of members with the same key the last one counts."""

    members: tuple[Member, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> "RawObject":
        """Read an object; raises ValueError, saying what it is instead.

        Bytes that are not UTF-8 may stand in its strings, as Oj writes such. Numbers may have
        any length.
        """
        text = raw.decode("utf-8", "surrogateescape")
        try:
            if text.startswith("{", _skip(text, 0)):
                return cls(tuple(_members(text)))
            other = _DECODER.decode(text)
        except ValueError as error:
            raise ValueError(f"it is not JSON: {error}") from None
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        raise ValueError(f"it is a JSON {json_kind(other)}, not an object")

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
    """Yield the members of an object that is the whole text; raises ValueError."""
    at = _skip(text, _behind(text, "{", _skip(text, 0)))
    is_first = True
    while not text.startswith("}", at):
        begin = at if is_first else _skip(text, _behind(text, ",", at))
        key, at = _DECODER.raw_decode(text, begin)
        if not isinstance(key, str):
            raise ValueError(f"a key is no string at {begin}")  # noqa: TRY004 - of the text's value
        value_begin = _skip(text, _behind(text, ":", _skip(text, at)))
        value, end = _DECODER.raw_decode(text, value_begin)
        yield Member(key, value, text[begin:end], text[value_begin:end])
        at, is_first = _skip(text, end), False
    if _skip(text, at + 1) != len(text):
        raise ValueError(f"something follows it at {at + 1}")


def _skip(text: str, at: int) -> int:
    """Return where the white space at ``at`` ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _behind(text: str, mark: str, at: int) -> int:
    if not text.startswith(mark, at):
        raise ValueError(f"{mark} is missing at {at}")
    return at + 1


def _object(members: Iterable[str]) -> bytes:
    return _encode("{" + ",".join(members) + "}")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is none of its values")


def _number(_digits: str) -> int:
    return 0


_DECODER = JSONDecoder(parse_constant=_refuse_constant, parse_int=_number, parse_float=_number)
