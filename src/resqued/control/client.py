"""Ask a running master over its control socket; for commands, which may wait a little."""

import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resqued.clock import Clock
from resqued.control.address import address_of
from resqued.control.protocol import encode_request, parse_answer
from resqued.errors import ResquedError

#: Seconds that a request may take in all; a master answers in milliseconds, or does not turn.
PATIENCE = 5.0
#: Seconds until a connection that was cut is tried again.
_PAUSE = 0.05
#: Bytes that an answer may have: far more than thousands of workers need.
_MOST = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_LATE = "does not answer in time"
#: Verbs that change nothing; another that gets no answer may have arrived all the same.
_LOOKS = ("health", "status", "server", "progress")
_TIMEVAL = struct.Struct("@ll")


class NotRunningError(ResquedError):
    """Raised when nobody listens at a control socket, or there is none; names the path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"no resqued runs at control socket {path}: {reason}")


class NoAnswerError(ResquedError):
    """Raised when somebody listens, and does not answer in time or cannot be asked.

    That is if it is another user's, or this process has no descriptor to ask with.
    """


@dataclass(frozen=True, slots=True)
class _Question:
    """One request, and for how long it is to be answered."""

    path: str
    verb: str
    line: bytes
    until: float

    def unanswered(self, what: str) -> NoAnswerError:
        """Return the error for one that has arrived, or may have."""
        doubt = "" if self.verb in _LOOKS else "; it may still do what it was told"
        return NoAnswerError(f"resqued at {self.path} {what}{doubt}")


def ask(path: str, verb: str, clock: Clock, /, **fields: object) -> dict[str, Any]:
    """Send one request and wait for ``PATIENCE`` at most; see ``ask_within``."""
    return ask_within(PATIENCE, path, verb, clock, **fields)


def ask_within(
    seconds: float, path: str, verb: str, clock: Clock, /, **fields: object
) -> dict[str, Any]:
    """Send one request, on a connection of its own, and return the content of the answer.

    A connection that ends before the answer has come is tried again: the master may just have
    replaced itself, and each verb may be asked for twice. Raises NotRunningError, NoAnswerError,
    and RefusedError for what the master refuses.
    """
    until = clock.now() + seconds
    question = _Question(path, verb, encode_request(verb, **fields), until)
    while True:
        answer = _ask_once(question, clock)
        if answer:
            return parse_answer(answer)
        if clock.now() >= until:
            raise question.unanswered("has closed the connection without an answer")
        select.select([], [], [], _PAUSE)


def text_of(content: Mapping[str, Any], name: str) -> str:
    """Return a text of an answer, empty if there is none."""
    value = content.get(name)
    return value if isinstance(value, str) else ""


def _ask_once(question: _Question, clock: Clock) -> bytes:
    """Return the line of the answer; nothing if the connection has ended before it was whole."""
    path = question.path
    with _new_socket(path) as connection:
        _limit(connection, question.until, clock)
        try:
            with address_of(path) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunningError(path, str(error.strerror)) from error
        except BlockingIOError as error:
            raise _no_answer(path) from error
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            connection.sendall(question.line)
        except BlockingIOError as error:
            raise _no_answer(path) from error
        except OSError:
            pass  # it has closed its end; what it may have said can be read
        return _receive(connection, question, clock)


def _new_socket(path: str) -> socket.socket:
    try:
        return socket.socket(socket.AF_UNIX)
    except OSError as error:
        raise _unusable(path, error) from error


def _receive(connection: socket.socket, question: _Question, clock: Clock) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        _limit(connection, question.until, clock)
        try:
            chunk = connection.recv(_CHUNK)
        except BlockingIOError as error:
            raise question.unanswered(_LATE) from error
        except OSError:
            return b""
        received += chunk
        if not chunk or len(received) > _MOST:
            return b""
    return bytes(received)


def _limit(connection: socket.socket, until: float, clock: Clock) -> None:
    """Have the kernel end the next wait in time: of ``connect``, too, where the queue is full.

    (A socket's ``settimeout`` would have that fail at once: see connect(2), EAGAIN.)
    """
    seconds = max(0.001, until - clock.now())
    limit = _TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
    for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, limit)


def _unusable(path: str, error: OSError) -> NoAnswerError:
    return NoAnswerError(f"cannot use control socket {path}: {error.strerror or error}")


def _no_answer(path: str) -> NoAnswerError:
    return NoAnswerError(f"resqued at {path} {_LATE}")
