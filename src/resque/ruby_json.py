"""JSON text, byte for byte as Ruby writes it.

Jobs are found again by their bytes (``dequeue``, ``remove_delayed``, lock plugins), so a value
must come out as a Ruby process would have written it. The model is the ``json`` gem, which every
Ruby has; where Oj is installed, multi_json prefers it, and floats from 1e15 on differ:

==========  ====================  =====================  ======================
value       json gem, and here    Oj                     Python's json
==========  ====================  =====================  ======================
1e20        ``1.0e+20``           ``1.0e+20``            ``1e+20``
1e-05       ``1.0e-05``           ``1.0e-05``            ``1e-05``
1e15        ``1.0e+15``           ``1000000000000000.0``  ``1000000000000000.0``
1e16        ``1.0e+16``           ``10000000000000000.0``  ``1e+16``
-0.0        ``-0.0``              ``0.0``                ``-0.0``
key None    ``""``                ``""``                 ``"null"``
==========  ====================  =====================  ======================
"""

import re
from json import JSONEncoder
from json.encoder import encode_basestring
from typing import Any

from resque.errors import EncodeError

_FAST = JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)

#: A float of at least 1e15, before Python, too, resorts to an exponent.
_SIXTEEN_DIGITS = re.compile("[0-9]{16}[.]")


def encode_json(value: Any, path: str = "value") -> bytes:
    """Return ``value`` as JSON; raises EncodeError, naming the item at fault from ``path`` on.

    Refused are NaN, infinities, text with lone surrogates (no UTF-8 for it), bytes, dates,
    sets, other objects, and containers that hold themselves: no reader could make sense of them.
    """
    try:
        text = _FAST.encode(value)
        if not _may_differ(text):
            return text.encode()
    except (TypeError, ValueError, RecursionError):
        pass  # the slow way finds out what and where
    try:
        return _ruby(value, path).encode()
    except RecursionError:
        raise EncodeError(path, "is nested too deeply, or holds itself") from None


def _may_differ(text: str) -> bool:
    """Tell whether Ruby might write otherwise what Python wrote; a false alarm costs time only."""
    return (
        "e+" in text
        or "e-" in text
        or 'null":' in text
        or ("." in text and _SIXTEEN_DIGITS.search(text) is not None)
    )


def _ruby(value: Any, path: str) -> str:
    if value is None or isinstance(value, str | int | float):
        return _scalar(value, path)
    if isinstance(value, list | tuple):
        items = (_ruby(item, f"{path}[{index}]") for index, item in enumerate(value))
        return f"[{','.join(items)}]"
    if isinstance(value, dict):
        pairs = (
            f"{_string(_key(key, path), path)}:{_ruby(item, f'{path}[{_shown(key)}]')}"
            for key, item in value.items()
        )
        return f"{{{','.join(pairs)}}}"
    raise EncodeError(path, f"is of type {type(value).__name__}, which JSON does not have")


def _scalar(value: Any, path: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(value, path)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float(value, path) if isinstance(value, float) else _int(value, path)


def _string(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(path, f"holds a lone surrogate at {error.start}") from None
    return encode_basestring(text)


def _int(number: int, path: str) -> str:
    try:
        return int.__repr__(number)
    except ValueError:  # the interpreter's limit, set_int_max_str_digits
        raise EncodeError(path, "is an integer of too many digits") from None


def _float(number: float, path: str) -> str:
    """Write as Ruby's Float#to_s: fixed from 1e-4 up to, not including, 1e15."""
    text = float.__repr__(number)
    if text in {"nan", "inf", "-inf"}:
        raise EncodeError(path, f"is {text}, which JSON does not have")
    if abs(number) >= 1e15 and "e" not in text:
        text = _with_exponent(text)
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text


def _with_exponent(text: str) -> str:
    """Turn the fixed notation of a number with 16 digits before the point into the other one."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    rest = (whole[1:] + fraction).rstrip("0") or "0"
    return f"{sign}{whole[0]}.{rest}e+15"


def _key(key: Any, path: str) -> str:
    """Return a key as text; Ruby's nil is the empty string."""
    if isinstance(key, str):
        return key
    if key is None:
        return ""
    if isinstance(key, int | float):
        return _scalar(key, path)
    raise EncodeError(path, f"has a key of type {type(key).__name__}, which JSON does not have")


def _shown(key: Any) -> str:
    return f'"{key}"' if isinstance(key, str) else repr(key)
