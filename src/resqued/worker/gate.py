"""The socket between a listener and one worker: where the worker stands, and when it may go.

A worker that is built waits at the gate. It is let through only when the master has it on its
list, and a worker whose listener has died meanwhile finds the gate closed and leaves. So no
worker ever works that the master does not count. Afterwards the worker says over the same socket
what its listener must hear at once; which job it has in hand, it writes on a board (``board``).

Lines of JSON, from the worker: ``["ready"]``, or ``["ready", "announces"]`` if it will say when it
has begun to work, before it ``["enforces"]`` if it will end by itself a job whose time is over,
``["failed", reason]``, ``["known", name]``, ``["server", url, namespace, failures]``,
``["working"]``, ``["recycled", reason]``. From the listener: a single byte, go.
"""

import json
import socket
from typing import Any

from resqued.clock import Clock, MonotonicClock
from resqued.process import lifeline
from resqued.worker.board import Board

_GO = b"+"
_CHUNK = 65536
#: Characters of a reason or a name that are passed on; far less than the socket holds.
_MAX_TEXT = 20_000


class Gate:
    """The listener's end."""

    def __init__(self, end: socket.socket, board: Board) -> None:
        """``board`` is where the worker writes which job it has."""
        self.board = board
        self._socket = end
        self._socket.setblocking(False)
        self._incoming = b""
        self.is_closed = False  #: whether the worker is gone, or has closed its end

    @classmethod
    def pair(cls, clock: Clock | None = None) -> tuple["Gate", "Ticket"]:
        """Return the listener's end and the worker's, to be forked. Raises OSError."""
        board = Board(clock or MonotonicClock())
        ours, theirs = socket.socketpair()
        return cls(ours, board), Ticket(theirs, board)

    def fileno(self) -> int:
        """Return the descriptor, readable when the worker has something to say or is gone."""
        return self._socket.fileno()

    def read(self) -> list[list[Any]]:
        """Return what the worker has said; what cannot be understood is passed over."""
        try:
            while chunk := self._socket.recv(_CHUNK):
                self._incoming += chunk
            self.is_closed = True
        except BlockingIOError:
            pass  # that was all
        except OSError:
            self.is_closed = True
        *lines, self._incoming = self._incoming.split(b"\n")
        return [said for line in lines if (said := _parse(line))]

    def open(self) -> None:
        """Let the worker through; it may have ended."""
        try:
            self._socket.send(_GO)
        except OSError:
            pass  # its end is known from the kernel, and counts then

    def close(self) -> None:
        """Close this end; a worker that still waits leaves."""
        self._socket.close()


class Ticket:
    """The worker's end."""

    def __init__(self, end: socket.socket, board: Board) -> None:
        """``board`` is where the worker writes which job it has."""
        self.board = board
        self._socket = end

    def is_valid(self) -> bool:
        """Tell whether the listener is still there."""
        return not lifeline.has_ended(self._socket.fileno())

    def wait(self, *, announces: bool = False) -> bool:
        """Say that this worker is ready, and wait to be let through; False: leave.

        ``announces``: it will say ``working`` as well, when it is known to those that it works for.
        """
        self.say("ready", *(["announces"] if announces else []))
        try:
            may_go = self._socket.recv(1) == _GO
        except OSError:
            return False
        # From now on what is said is a courtesy, for which no job waits.
        self._socket.setblocking(False)
        return may_go

    def say(self, what: str, *texts: str) -> None:
        """Tell the listener; lost if it is gone, or so busy that the socket is full."""
        words = [what, *(text[:_MAX_TEXT] for text in texts)]
        try:
            self._socket.send(json.dumps(words).encode() + b"\n")
        except OSError:
            pass  # a listener that is gone needs no news

    def close(self) -> None:
        """Close this end; in the listener, after the fork."""
        self._socket.close()


def _parse(line: bytes) -> list[Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, list) and said else None
