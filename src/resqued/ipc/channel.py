"""Lines over a socket pair, neither side ever waiting for the other."""

import logging
import select
import socket
from contextlib import suppress

from resqued.ipc import messages
from resqued.ipc.messages import ForeignMessageError, MalformedMessageError, Message

log = logging.getLogger(__name__)

#: Bytes. Longer than any message of ours by far; a peer that sends more has gone mad.
MAX_LINE = 16 * 1024 * 1024
_CHUNK = 65536


class Channel:
    """One end of the socket pair between the master and one listener.

    Output that the socket does not take at once is kept and sent by later calls of ``flush``, so
    a peer that hangs never makes this process hang.
    """

    def __init__(self, end: socket.socket) -> None:
        """Take over ``end``, which is closed with the channel."""
        self._socket = end
        self._socket.setblocking(False)
        self._incoming = bytearray()
        self._outgoing = bytearray()
        #: Whether the peer has closed its end, or is gone; nothing more will come.
        self.is_closed = False
        #: The peer's protocol, if it is another major version: nothing is taken from it.
        self.foreign_major: int | None = None

    @classmethod
    def resume(cls, descriptor: int | None, incoming: bytes, outgoing: bytes) -> "Channel":
        """Return a channel as ``unread`` and ``unsent`` had left it before an exec.

        None is the descriptor of one that was closed.
        """
        channel = cls(socket.socket() if descriptor is None else socket.socket(fileno=descriptor))
        if descriptor is None:
            channel.close()
        channel._incoming += incoming
        channel._outgoing += outgoing
        return channel

    @property
    def unread(self) -> bytes:
        """The start of a line whose rest has not arrived."""
        return bytes(self._incoming)

    @property
    def unsent(self) -> bytes:
        """What the socket has not taken yet."""
        return bytes(self._outgoing)

    @classmethod
    def pair(cls) -> tuple["Channel", socket.socket]:
        """Return our end, and the other for the process that is to be started."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    def fileno(self) -> int:
        """Return the descriptor, readable when the peer has written or gone."""
        return self._socket.fileno()

    @property
    def has_output(self) -> bool:
        """Whether ``flush`` is wanted as soon as the socket takes more."""
        return bool(self._outgoing) and not self.is_closed

    def send(self, message: Message) -> None:
        """Send a message, now or as soon as the socket takes it; lost if the peer is gone."""
        if not self.is_closed:
            self._outgoing += messages.encode(message)
            self.flush()

    def flush(self) -> None:
        """Send what is left, as far as the socket takes it."""
        try:
            while self._outgoing:
                sent = self._socket.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass  # the peer reads slowly; the waiter wakes us when there is room
        except OSError:  # the peer is gone; what it still said can be read
            self._outgoing.clear()

    def send_now(self, message: Message, patience: float | None = None) -> None:
        """Send a message and wait until the peer's side has taken it.

        For a process that has no loop yet, or no more, which could send the rest later. Gives up
        where the peer takes nothing for ``patience`` seconds, if given.
        """
        self.send(message)
        while self.has_output and select.select([], [self._socket], [], patience)[1]:
            self.flush()

    def receive_now(self, seconds: float) -> list[Message]:
        """Wait for the peer's first messages; none if it is gone or silent for ``seconds``.

        And none if it is foreign.
        """
        while not self.is_closed and select.select([self._socket], [], [], seconds)[0]:
            received = self.receive()
            if received or self.foreign_major is not None:
                return received
        return []

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; malformed lines are logged and passed over."""
        self._fill()
        *lines, self._incoming = self._incoming.split(b"\n")
        if len(self._incoming) > MAX_LINE:
            self._give_up()
        received = []
        for line in lines:
            try:
                message = messages.parse(bytes(line))
            except MalformedMessageError as error:
                fields = {"event": "message_ignored", "reason": str(error)}
                log.warning("Ignoring a line from the other process: %s", error, extra=fields)
                continue
            except ForeignMessageError as error:
                self.foreign_major = error.major
                continue
            if message is not None:
                received.append(message)
        return received

    def close(self) -> None:
        """Close our end; the peer notices."""
        self.is_closed = True
        self._socket.close()

    def _give_up(self) -> None:
        """Take nothing more from the peer, and let it know: it might wait for us without end."""
        self.is_closed = True
        self._incoming.clear()
        with suppress(OSError):  # it is gone
            self._socket.shutdown(socket.SHUT_RDWR)

    def _fill(self) -> None:
        """Read what has arrived, all of it unless the peer writes without end."""
        try:
            while not self.is_closed and len(self._incoming) <= MAX_LINE:
                chunk = self._socket.recv(_CHUNK)
                self._incoming += chunk
                self.is_closed = not chunk
        except BlockingIOError:
            pass  # that was all
        except OSError:
            self.is_closed = True
