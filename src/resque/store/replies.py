"""One form for replies that RESP2 and RESP3 clients give differently."""

from collections.abc import Callable, Sequence
from typing import Any

from resque.store.words import Reply


def normal_form(
    command: Sequence[bytes], reply: Any, as_reply_error: Callable[[Exception], Exception]
) -> Reply:
    """Return a client's raw ``reply`` to ``command`` in the form that ``words.Reply`` describes.

    RESP2 has no maps and doubles. They are restored for HGETALL, CONFIG GET, ZSCORE, ZMSCORE,
    ZINCRBY and WITHSCORES; the store uses no other command whose reply depends on the protocol.
    """
    plain = _plain(reply, as_reply_error)
    name = command[0].upper()
    if isinstance(plain, list):
        if name == b"HGETALL" or (name == b"CONFIG" and command[1].upper() == b"GET"):
            return dict(zip(plain[::2], plain[1::2], strict=True))
        if name == b"ZMSCORE":
            return [_double(item) for item in plain]
        if any(word.upper() == b"WITHSCORES" for word in command[2:]):
            return _pairs(plain)
    return _double(plain) if name in {b"ZSCORE", b"ZINCRBY"} else plain


def _plain(reply: Any, as_reply_error: Callable[[Exception], Exception]) -> Reply:
    if isinstance(reply, str):
        return reply.encode()
    if isinstance(reply, list | tuple | set | frozenset):
        return [_plain(item, as_reply_error) for item in reply]
    if isinstance(reply, dict):
        return {
            _plain(key, as_reply_error): _plain(value, as_reply_error)
            for key, value in reply.items()
        }
    return as_reply_error(reply) if isinstance(reply, Exception) else reply


def _pairs(reply: list[Reply]) -> list[Reply]:
    if reply and isinstance(reply[0], list):
        return reply
    return [[member, _double(score)] for member, score in zip(*[iter(reply)] * 2, strict=True)]


def _double(reply: Reply) -> Reply:
    return float(reply) if isinstance(reply, bytes) else reply
