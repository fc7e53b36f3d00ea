"""Failure records as they are read, by whatever and however well they were written."""

import re
from dataclasses import dataclass
from typing import Any

from resque.digest import sha1_hex
from resque.failure.backend import FailureList
from resque.failure.raw_object import RawObject, read_object
from resque.payload import json_kind

_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"(\d{1,18})-([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """One record, where it lay when it was read, and its fields, as far as it has them.

    A field is None where it is missing, null, or not of the type that Ruby Resque writes; what
    is wrong is then among the ``problems``. Text is printable as UTF-8, but may hold control
    characters: jobs and exceptions are named by anybody.
    """

    where: FailureList
    index: int  #: counted from the oldest, 0; others may have shifted it since
    raw: bytes  #: exactly what lies there
    failed_at: str | None = None
    class_name: str | None = None  #: the payload's
    exception: str | None = None
    error: str | None = None
    backtrace: tuple[str, ...] = ()
    worker: str | None = None
    queue: str | None = None
    retried_at: str | None = None
    problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, where: FailureList, index: int, raw: bytes) -> "FailureEntry":
        """Read a record; whatever it is, there is an entry for it."""
        try:
            record = read_object(raw)
        except ValueError as error:
            return cls(where, index, raw, queue=where.queue, problems=(str(error),))
        fields = _Fields(record)
        queue = fields.text("queue", is_needed=where.queue is None)
        return cls(
            where,
            index,
            raw,
            failed_at=fields.text("failed_at", is_needed=True),
            class_name=fields.class_name(),
            exception=fields.text("exception"),
            error=fields.text("error"),
            backtrace=fields.backtrace(),
            worker=fields.text("worker", is_needed=True),
            queue=queue if where.queue is None else where.queue,
            retried_at=fields.retried_at(),
            problems=tuple(fields.problems),
        )

    @property
    def payload(self) -> bytes | None:
        """The payload's JSON as it stands there: an object, or a string where there was no job."""
        try:
            return RawObject.parse(self.raw).raw("payload")
        except ValueError:
            return None

    @property
    def is_malformed(self) -> bool:
        """Whether something of it is not as Ruby Resque, or this package, would write it."""
        return bool(self.problems)

    @property
    def is_retried(self) -> bool:
        """Whether its job has been put into its queue again."""
        return self.retried_at is not None

    @property
    def id(self) -> str:
        """A name by which ``Failures.find`` finds it again, until it is changed or removed."""
        return f"{self.index}-{self.digest}"

    @property
    def digest(self) -> str:
        """What of the id depends on the record's bytes alone."""
        return sha1_hex(self.raw)[:16]

    def shown(self, limit: int = 2000) -> str:
        """Return the record as it lies there, cut, and safe for any terminal or page of text.

        Bytes that are not UTF-8 and characters that cannot be printed are shown by escapes.
        """
        text = self.raw[: 4 * limit].decode("utf-8", "backslashreplace")
        printable = "".join(c if c.isprintable() else _escape(c) for c in text[:limit])
        is_cut = len(text) > limit or len(self.raw) > 4 * limit
        return f"{printable}... ({len(self.raw)} bytes)" if is_cut else printable


def parse_id(entry_id: str) -> tuple[int, str] | None:
    """Return the index and the digest of an entry's id; None for anything else."""
    found = _ID.fullmatch(entry_id)
    return (int(found[1]), found[2]) if found else None


class _Fields:
    """Takes the fields out of a record, and notes what is wrong with them."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self.problems: list[str] = []

    def text(self, key: str, *, is_needed: bool = False) -> str | None:
        value = self._record.get(key)
        if isinstance(value, str):
            return _clean(value)
        if value is not None or is_needed:
            self._complain(key, value)
        return None

    def backtrace(self) -> tuple[str, ...]:
        lines = self._record.get("backtrace")
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            return tuple(map(_clean, lines))
        if isinstance(lines, list):
            self.problems.append("backtrace holds what is no string")
        elif lines is not None:
            self._complain("backtrace", lines)
        return ()

    def class_name(self) -> str | None:
        payload = self._record.get("payload")
        if payload is not None and not isinstance(payload, dict | str):
            self._complain("payload", payload)
        name = payload.get("class") if isinstance(payload, dict) else None
        return _clean(name) if isinstance(name, str) else None

    def retried_at(self) -> str | None:
        """For Ruby anything but null and false is a retry."""
        value = self._record.get("retried_at")
        if value is False:
            return None
        text = self.text("retried_at")
        return "at an unknown time" if text is None and value is not None else text

    def _complain(self, key: str, value: Any) -> None:
        kind = "object" if isinstance(value, dict) else json_kind(value)
        self.problems.append(f"{key} is {'missing' if value is None else f'of type {kind}'}")


def _clean(text: str) -> str:
    """Show what is no character by its escape: half of a pair, or a byte that is not UTF-8."""
    return text if text.isascii() else _SURROGATE.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return ascii(character)[1:-1]
