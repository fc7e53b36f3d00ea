"""What is asked and answered over the control socket: one line of JSON each (docs/control.md)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from resqued.errors import ResquedError

#: Changes when an older reader would misunderstand a line; what is only added changes nothing.
VERSION = 1
#: Bytes that a request may have, without its newline.
MAX_REQUEST = 64 * 1024
#: Characters of what somebody has sent that an error repeats.
_SHOWN = 60


class Code(Enum):
    """Why a request was refused, for programs; people read the text."""

    MALFORMED = "malformed"  #: the line is no request
    UNSUPPORTED_VERSION = "unsupported-version"  #: it is one of another version
    UNKNOWN_VERB = "unknown-verb"  #: this master knows no such verb
    BAD_ARGUMENT = "bad-argument"  #: a field of the request is missing, or is something else
    INTERNAL = "internal"  #: something went wrong in the master; its log says what
    NOT_NOW = "not-now"  #: the pool is in a state in which that cannot be done


class RefusedError(ResquedError):
    """Raised when a request cannot be met; says why in one line."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """What one client asks for."""

    verb: str
    fields: Mapping[str, Any]  #: everything in the line, the verb included

    def flag(self, name: str) -> bool:
        """Return a field that is true or false; false if it is left out. Raises RefusedError."""
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def number(self, name: str) -> int:
        """Return a field that is a whole number, 0 or more. Raises RefusedError."""
        value = self.fields.get(name)
        if type(value) is not int or value < 0:  # true is none
            raise self._bad(name, "a whole number, 0 or more")
        return value

    def numbers(self, name: str) -> dict[str, int]:
        """Return a field that is an object of whole numbers, 0 or more. Raises RefusedError."""
        value = self.fields.get(name)
        if not isinstance(value, dict):
            raise self._bad(name, "an object of whole numbers")
        for key, number in value.items():
            if type(number) is not int or number < 0:
                which = f'{self.verb}: the number of {shown(key)} in "{name}"'
                text = f"{which} must be a whole one, 0 or more, not {shown(number)}"
                raise RefusedError(Code.BAD_ARGUMENT, text)
        return value

    def _bad(self, name: str, wanted: str) -> RefusedError:
        text = f'{self.verb}: "{name}" must be {wanted}, {_found(self.fields, name)}'
        return RefusedError(Code.BAD_ARGUMENT, text)


def encode_request(verb: str, **fields: object) -> bytes:
    """Return the line that asks for ``verb``, newline included."""
    return _line({"v": VERSION, "verb": verb, **fields})


def parse_request(line: bytes) -> Request:
    """Return the request of one line. Raises RefusedError."""
    content = _parse(line)
    if not isinstance(content, dict):
        raise RefusedError(Code.MALFORMED, "a request is one JSON object in one line")
    version = content.get("v")
    if type(version) is not int or version != VERSION:
        raise RefusedError(
            Code.UNSUPPORTED_VERSION,
            f'"v" must be {VERSION}, which is what this master speaks, {_found(content, "v")}',
        )
    verb = content.get("verb")
    if not isinstance(verb, str):
        raise RefusedError(Code.MALFORMED, f'"verb" must be a text, {_found(content, "verb")}')
    return Request(verb, content)


def unknown_verb(verb: str, known: Mapping[str, object]) -> RefusedError:
    """Return the refusal of a verb that is none of the ``known``."""
    text = f"unknown verb {shown(verb)}; this master knows {', '.join(sorted(known))}"
    return RefusedError(Code.UNKNOWN_VERB, text)


def encode_answer(content: Mapping[str, object]) -> bytes:
    """Return the line that answers a request that was met, newline included."""
    return _line({"v": VERSION, "ok": True, **content})


def encode_refusal(error: RefusedError) -> bytes:
    """Return the line that answers a request that was not, newline included."""
    return _line({"v": VERSION, "ok": False, "code": error.code.value, "error": str(error)})


def parse_answer(line: bytes) -> dict[str, Any]:
    """Return the content of an answer, in the client. Raises RefusedError.

    It is also raised, as malformed, for a line that is no answer of this version.
    """
    content = _parse(line)
    if not isinstance(content, dict) or content.get("v") != VERSION:
        raise RefusedError(
            Code.MALFORMED, f"the answer is none of version {VERSION}: {_shown_line(line)}"
        )
    if content.get("ok") is not True:
        try:
            code = Code(content.get("code"))
        except ValueError:
            code = Code.MALFORMED  # of a newer master
        raise RefusedError(code, str(content.get("error")))
    return content


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> Any:
    """Read JSON; None if it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _found(fields: Mapping[str, Any], name: str) -> str:
    """Say what stands in a field that is wrong."""
    return f"not {shown(fields[name])}" if name in fields else "and is missing"


def shown(value: object) -> str:
    """Return the beginning of a value as JSON, which is ASCII in one line."""
    try:
        text = json.dumps(value)
    except (ValueError, RecursionError):
        return "what it is"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _shown_line(line: bytes) -> str:
    return ascii(line[:_SHOWN].decode("utf-8", "replace"))
