"""Values and texts as they appear in a problem, which is always one line."""

import json
from collections.abc import Callable
from typing import Final

#: Long enough for any honest value; a problem is read in a terminal or a log.
_LONGEST_VALUE: Final = 80
_LONGEST_TEXT: Final = 500


def one_line(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return the text with everything unprintable escaped, cut off if it is very long."""
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text[: longest + 1]
    )
    return escaped if len(escaped) <= longest else escaped[:longest] + "..."


def shown(value: object) -> str:
    """Return a value much as the config file's author wrote it."""
    if isinstance(value, str):
        return one_line(json.dumps(str.__str__(value), ensure_ascii=False), _LONGEST_VALUE)
    name = getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str):
        return one_line(name, _LONGEST_VALUE)
    return one_line(_safe(repr, value), _LONGEST_VALUE)


def describe(error: BaseException) -> str:
    """Return an exception's class and message, without the class alone being repeated."""
    text = error.msg if isinstance(error, SyntaxError) else _safe(str, error)
    name = type(error).__name__
    return one_line(f"{name}: {text}" if text else name)


def _safe(show: Callable[[object], str], value: object) -> str:
    try:
        return show(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ or __str__ may raise anything
        return f"<{type(value).__name__}>"
