"""One open socket and the replies that come out of it."""

import os
import select
import socket
from collections.abc import Callable
from struct import Struct

from hiredis import ProtocolError, PushNotification, Reader

from resque.store.spinning import Spinning
from resque.store.words import Reply

_CHUNK = 65536
#: The kernel's timeval; its own limits cost no system call, unlike the socket module's, which has a
#: poll before each read and each write.
_TIMEVAL = Struct("@ll")
_NOTHING_YET = object()

#: What a read of a TLS socket raises when only a part of a record has come. By name, as
#: importing ssl for the two classes would cost every worker 6 MB.
_TLS_WANTS_MORE = ("SSLWantReadError", "SSLWantWriteError")


class UnexpectedReplyError(Exception):
    """A reply came that no command had asked for, so none can be told from another any more."""


class Wire:
    """Bytes out, replies in, push messages set aside.

    A wire that ``is_mid_exchange`` outside of a call was left there by an exception. Replies or
    half of one are still to come, so it can only be closed.
    """

    def __init__(self, sock: socket.socket, parse_error: Callable[[str], Exception]) -> None:
        """``parse_error`` makes an exception of an error reply's text; it is returned as reply."""
        self._socket = sock
        self._is_tls = hasattr(sock, "pending")
        self._reader = Reader(replyError=parse_error, notEnoughData=_NOTHING_YET)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._pushes: list[Reply] = []
        self._identity = _identity(sock)
        self._spinning = Spinning()
        self.is_mid_exchange = False

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this process's end and say nothing to the server.

        After a fork two processes hold the same connection: a QUIT or a TLS goodbye written by
        one would end the other's.
        """
        self._socket.close()

    def set_timeout(self, seconds: float) -> None:
        """Set the longest silence that a read or a write puts up with."""
        if self._is_tls:
            self._socket.settimeout(seconds)
            return
        self._socket.setblocking(True)
        limit = _TIMEVAL.pack(int(seconds), round(seconds % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, limit)

    def exchange(self, data: bytes, replies: int) -> list[Reply]:
        """Write ``data`` and return as many replies, error replies among them.

        Raises EOFError when the server closes, OSError when the network fails or stays silent,
        hiredis.ProtocolError for what is no reply.
        """
        self.is_mid_exchange = True
        try:
            self._socket.sendall(data)
            answers = [self._read_reply()]
            while len(answers) < replies:
                answers.append(self._read_reply())
        except BlockingIOError as error:
            raise TimeoutError("timed out") from error  # what the kernel's limit is called
        self.is_mid_exchange = False
        return answers

    @property
    def can_be_shared(self) -> bool:
        """Whether a forked child may write here; its job's code may have closed the descriptor."""
        if self._is_tls or self.is_mid_exchange:
            return False
        return _identity(self._socket) == self._identity

    def send(self, data: bytes) -> None:
        """Write what another process reads the replies of. Raises OSError."""
        self._socket.sendall(data)

    def drain(self) -> None:
        """Set aside the push messages that have come, without waiting for more.

        Raises as ``exchange`` does, and UnexpectedReplyError.
        """
        self.is_mid_exchange = True
        self._parse_pushes()
        while self._poll.poll(0) or (self._is_tls and self._has_decrypted()):
            data = self._receive_now()
            if data is None:
                break
            self._feed(data)
            self._parse_pushes()
        self.is_mid_exchange = False

    def take_pushes(self) -> list[Reply]:
        """Return the push messages set aside, oldest first, and forget them."""
        pushes, self._pushes = self._pushes, []
        return pushes

    def _read_reply(self) -> Reply:
        while True:
            message = self._parse()
            if message is _NOTHING_YET:
                self._feed(self._receive())
            elif isinstance(message, PushNotification):
                self._pushes.append(message)
            else:
                return message

    def _parse_pushes(self) -> None:
        """Parse what came in one piece with a reply, too: no selector would report it again."""
        while (message := self._parse()) is not _NOTHING_YET:
            if not isinstance(message, PushNotification):
                raise UnexpectedReplyError(repr(message))
            self._pushes.append(message)

    def _parse(self) -> Reply:
        """Return the next message, or ``_NOTHING_YET``."""
        try:
            return self._reader.gets()
        except TypeError as error:  # a map with a list as a key, which a dict cannot have
            raise ProtocolError(str(error)) from error

    def _feed(self, data: bytes) -> None:
        if not data:
            raise EOFError("the server closed the connection")
        self._reader.feed(data)

    def _has_decrypted(self) -> bool:
        """Tell whether TLS holds plain bytes that the poll of the socket cannot see."""
        return self._socket.pending() > 0  # type: ignore[attr-defined, no-any-return]

    def _receive(self) -> bytes:
        """Wait for what comes next, and return it: b"" for the end."""
        # A TLS record may come in parts, each of which would be taken for a look in vain.
        now = None if self._is_tls else self._spinning.look(self._receive_now)
        return self._socket.recv(_CHUNK) if now is None else now

    def _receive_now(self) -> bytes | None:
        """Return what has come: b"" for the end, None for nothing, or less than a TLS record."""
        try:
            return self._receive_tls() if self._is_tls else self._receive_plain()
        except OSError as error:
            if isinstance(error, BlockingIOError) or type(error).__name__ in _TLS_WANTS_MORE:
                return None
            raise

    def _receive_plain(self) -> bytes:
        return self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)

    def _receive_tls(self) -> bytes:
        timeout = self._socket.gettimeout()
        self._socket.settimeout(0)
        try:
            return self._socket.recv(_CHUNK)
        finally:
            self._socket.settimeout(timeout)


def _identity(sock: socket.socket) -> tuple[int, int] | None:
    """Return what names the socket behind a descriptor; None if there is none."""
    try:
        status = os.fstat(sock.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino
