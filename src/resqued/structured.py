"""Log records as JSON, one object a line, for programs that follow them (docs/logs.md)."""

import json
import logging
import math
import time
from collections.abc import Mapping
from typing import Any

#: What the standard library puts into a record; whatever else is there came by ``extra``.
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
#: Those of a record's own fields that stand at the head of its line, where it has them.
_FIRST = ("event", "generation", "worker")


class JsonFormatter(logging.Formatter):
    """Makes one line of ASCII of each record, whatever its texts and fields are."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's JSON; where a field's name is one of ours, ours stands there."""
        own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        content: dict[str, Any] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "pid": record.process,
            **{name: _plain(own[name]) for name in _FIRST if name in own},
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in own.items():
            content.setdefault(name, _plain(value))
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            content["stack"] = record.stack_info
        return json.dumps(content)


class Context(logging.Filter):
    """Gives every record of a process what they have in common; a record's own values go first."""

    def __init__(self, fields: Mapping[str, int]) -> None:
        super().__init__()
        self._fields = dict(fields)

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields, and let the record through."""
        for name, value in self._fields.items():
            vars(record).setdefault(name, value)
        return True


def _utc(epoch: float) -> str:
    """Return ``2026-11-23T18:39:53.791473Z`` (RFC 3339): sorted by text, in order of time."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch))
    return f"{whole}.{int(epoch % 1 * 1_000_000):06d}Z"


def _plain(value: Any) -> Any:
    """Return what JSON can say of a value; an application may log any object."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
    return value
