"""One client of the control socket, as the master sees it: its request, and its answer."""

import socket
from enum import Enum

from resqued.clock import Clock
from resqued.control.protocol import MAX_REQUEST, Code, RefusedError, encode_refusal

#: Seconds that a client may take for its request, for taking its answer, or between two requests.
PATIENCE = 10.0
_CHUNK = 16 * 1024


class Stage(Enum):
    """What a client is about."""

    ASKING = "asking"  #: its request, or the rest of it, is still to come
    WAITING = "waiting"  #: it has asked, and the answer is not known yet
    TAKING = "taking"  #: its answer is being sent
    CLOSED = "closed"  #: it is gone, or was sent away


class Connection:
    """A connected client, one request at a time. Nothing here ever waits for it.

    At most one request and one answer of its are kept; while it takes its answer, or waits for it,
    nothing more is read.
    """

    def __init__(self, end: socket.socket, clock: Clock) -> None:
        """Take over ``end``, which is closed with the connection."""
        self._socket = end
        self._socket.setblocking(False)
        self._clock = clock
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._is_last = False  #: whether it is sent away after the answer
        self.stage = Stage.ASKING
        self.since = clock.now()  #: when this stage began, on the master's clock

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    @property
    def has_request(self) -> bool:
        """Whether a whole request has arrived that was not taken yet."""
        return self.stage is Stage.ASKING and b"\n" in self._incoming

    @property
    def wants_reading(self) -> bool:
        """Whether more of it is to be read."""
        return self.stage is Stage.ASKING and not self.has_request

    @property
    def wants_writing(self) -> bool:
        """Whether it has not taken all of its answer."""
        return self.stage is Stage.TAKING

    @property
    def time_left(self) -> float:
        """Seconds until it has had its time for what it is about."""
        return self.since + PATIENCE - self._clock.now()

    def read(self) -> None:
        """Take in what has arrived, no more than one request needs."""
        try:
            while self.wants_reading and len(self._incoming) <= MAX_REQUEST:
                chunk = self._socket.recv(_CHUNK)
                if not chunk:
                    self._leave()  # with half a request, or none
                    return
                self._incoming += chunk
        except BlockingIOError:
            pass  # that was all
        except OSError:
            self._leave()
            return
        self._refuse_if_too_long()

    def take_request(self) -> bytes:
        """Return the line of its request, which is to be answered now, or later."""
        line, _, self._incoming = self._incoming.partition(b"\n")
        self._move(Stage.WAITING)
        return bytes(line)

    def answer(self, line: bytes) -> None:
        """Send it a line, as fast as it takes it; nothing happens if it is gone."""
        if self.stage is not Stage.CLOSED:
            self._move(Stage.TAKING)
            self._outgoing += line
            self.flush()

    def flush(self) -> None:
        """Send what is left of its answer, as far as the socket takes it."""
        try:
            while self._outgoing:
                sent = self._socket.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            return  # it reads slowly; the waiter wakes us when there is room
        except OSError:
            self._leave()
            return
        if self._is_last:
            self._leave()
        else:
            self._move(Stage.ASKING)

    def close(self) -> None:
        """Close our end; whoever waits on its descriptor must have forgotten it before."""
        self._leave()
        self._socket.close()

    def _leave(self) -> None:
        """Note that it is gone, or is to go; somebody may wait on its descriptor still."""
        self._move(Stage.CLOSED)
        self._incoming.clear()
        self._outgoing.clear()

    def _refuse_if_too_long(self) -> None:
        """Send a client away whose request has no end: nothing after it could be understood."""
        end = self._incoming.find(b"\n")
        if (len(self._incoming) if end < 0 else end) > MAX_REQUEST:
            self._incoming.clear()
            self._is_last = True
            text = f"a request has at most {MAX_REQUEST} bytes"
            self.answer(encode_refusal(RefusedError(Code.MALFORMED, text)))

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        self.since = self._clock.now()
