"""A network that a test can spoil: between its clients and a real server, one thread.

Commands are counted as they come, from 1 and over all connections, and each connection has one of
them under way at a time, so that what the server says can be told to belong to it.
"""

import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self

from hiredis import PushNotification, Reader

from tests.support import waiting

_NOTHING_YET = object()
#: What no reply begins with.
_GARBLED = b"\x00garbled"


class Link:
    """One client's connection, and the server's end of it."""

    def __init__(self, client: socket.socket, target_port: int) -> None:
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", target_port), timeout=10)
        self.waiting: deque[tuple[int, bytes]] = deque()  #: numbered commands, still to be sent
        self.under_way: int | None = None  #: the command whose reply is to come
        self.reply = b""  #: what has come of it
        self.outbox: deque[tuple[float, bytes]] = deque()  #: what the client gets, and when
        self._requests = Reader(notEnoughData=_NOTHING_YET)
        self._replies = Reader(notEnoughData=_NOTHING_YET)

    def commands_in(self, data: bytes) -> list[tuple[bytes, ...]]:
        """Return the commands that are complete with ``data``."""
        self._requests.feed(data)
        found = []
        while (command := self._requests.gets()) is not _NOTHING_YET:
            found.append(tuple(command))
        return found

    def is_answered_by(self, data: bytes) -> bool:
        """Tell whether the reply under way is complete with ``data``."""
        self.reply += data
        self._replies.feed(data)
        is_answered = False
        while (message := self._replies.gets()) is not _NOTHING_YET:
            is_answered |= not isinstance(message, PushNotification)
        return is_answered

    def close(self) -> None:
        """Cut both ends."""
        self.client.close()
        self.server.close()


class Proxy:
    """Forwards to ``target_port`` under the rules that its methods set; a context manager.

    Without a rule everything passes unchanged.
    """

    def __init__(self, target_port: int) -> None:
        self.commands: list[tuple[bytes, ...]] = []  #: all that have come, the first is number 1
        self._target_port = target_port
        self.refused = 0  #: connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[Link] = []
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wakes, self._waker = socket.socketpair()
        self._selector.register(self._wakes, selectors.EVENT_READ)
        self._is_over = False
        self._forget_rules()
        self._thread = threading.Thread(target=self._run, name="proxy")

    def _forget_rules(self) -> None:
        self._before: int | None = None
        self._reply_of: int | None = None
        self._is_holding = False
        self._delay = 0.0
        self._is_refusing = False
        self._to_garble: bytes | None = None
        self._to_cut: tuple[bytes, int] | None = None

    @property
    def url(self) -> str:
        """The address for clients, database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    # --- rules

    def hold_before(self, number: int) -> None:
        """Let neither this command nor any later one through to the server."""
        with self._lock:
            self._before = number

    def hold_reply(self, number: int) -> None:
        """Have the server run this command, and let nothing through from its reply on."""
        with self._lock:
            self._reply_of = number

    @property
    def is_holding(self) -> bool:
        """Whether the command of ``hold_before`` has come, or the reply of ``hold_reply``."""
        return self._is_holding

    def wait_until_held(self) -> None:
        """Wait until it ``is_holding``; raises AssertionError after a while."""
        waiting.wait_until(lambda: self.is_holding, "the command", explain=self._explain)

    def delay(self, seconds: float) -> None:
        """Deliver each reply so much later."""
        with self._lock:
            self._delay = seconds

    def garble_a_reply(self, containing: bytes = b"") -> None:
        """Make of the next reply that contains this what is none."""
        with self._lock:
            self._to_garble = containing

    def cut_a_reply(self, after: int, containing: bytes = b"") -> None:
        """Deliver so many bytes of the next reply that contains this, then cut the connection."""
        with self._lock:
            self._to_cut = containing, after

    def cut(self) -> None:
        """Cut all connections now."""
        with self._lock:
            for link in list(self._links):
                self._drop(link)

    def refuse(self) -> None:
        """Cut all connections, and close each new one at once until ``mend``."""
        with self._lock:
            self._is_refusing = True
            self.cut()

    def mend(self) -> None:
        """Forget all rules, accept connections, and let through what was held."""
        with self._lock:
            self._forget_rules()
        self._waker.send(b".")

    # --- the thread

    def _run(self) -> None:
        while not self._is_over:
            events = self._selector.select(self._next_due_in)
            with self._lock:
                for key, _ in events:
                    self._handle(key)
                for link in list(self._links):
                    self._attend(link)

    @property
    def _next_due_in(self) -> float | None:
        with self._lock:
            if self._is_holding:
                return None
            due = [link.outbox[0][0] for link in self._links if link.outbox]
            return max(0.0, min(due) - time.monotonic()) if due else None

    def _handle(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._wakes:
            self._wakes.recv(4096)
        elif key.fileobj is self._listener:
            self._accept()
        elif key.data in self._links:  # it may have been cut a moment ago
            self._read(key.data, key.fileobj)  # type: ignore[arg-type] # a socket

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._is_refusing:
            self.refused += 1
            client.close()
            return
        client.settimeout(10)
        try:
            link = Link(client, self._target_port)
        except OSError:  # the server is away
            client.close()
            return
        self._links.append(link)
        for end in (link.client, link.server):
            self._selector.register(end, selectors.EVENT_READ, link)

    def _read(self, link: Link, end: socket.socket) -> None:
        data = b""
        with suppress(OSError):  # the same as an end
            data = end.recv(65536)
        if not data:
            self._drop(link)
        elif end is link.client:
            for command in link.commands_in(data):
                self.commands.append(command)
                link.waiting.append((len(self.commands), _packed(command)))
        elif link.is_answered_by(data):
            self._answered(link)
        elif link.under_way is None:  # a push message, or a part of one
            link.outbox.append((time.monotonic() + self._delay, link.reply))
            link.reply = b""

    def _answered(self, link: Link) -> None:
        reply, link.reply = link.reply, b""
        if link.under_way is not None and link.under_way == self._reply_of:
            self._is_holding = True
        link.under_way = None
        if self._to_garble is not None and self._to_garble in reply:
            self._to_garble = None
            reply = _GARBLED + reply
        link.outbox.append((time.monotonic() + self._delay, reply))

    def _attend(self, link: Link) -> None:
        """Let through what may pass by now."""
        try:
            while link.waiting and link.under_way is None and not self._is_holding:
                self._send_next(link)
            while link.outbox and not self._is_holding and link.outbox[0][0] <= time.monotonic():
                self._deliver_next(link)
        except OSError:  # whoever it was for is gone
            self._drop(link)

    def _send_next(self, link: Link) -> None:
        number, command = link.waiting[0]
        if self._before is not None and number >= self._before:
            self._is_holding = True
            return
        link.waiting.popleft()
        link.under_way = number
        link.server.sendall(command)

    def _deliver_next(self, link: Link) -> None:
        _, reply = link.outbox.popleft()
        if self._to_cut is None or self._to_cut[0] not in reply:
            link.client.sendall(reply)
            return
        link.client.sendall(reply[: self._to_cut[1]])
        self._to_cut = None
        self._drop(link)

    def _drop(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)
            for end in (link.client, link.server):
                self._selector.unregister(end)
            link.close()

    def _explain(self) -> str:
        words = (b" ".join(command[:2])[:60] for command in self.commands)
        return "\n".join(text.decode("utf-8", "backslashreplace") for text in words)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._waker.send(b".")
        self._thread.join(10)
        self.cut()
        self._selector.close()
        for end in (self._listener, self._wakes, self._waker):
            end.close()


def _packed(command: tuple[bytes, ...]) -> bytes:
    words = (b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
    return b"*%d\r\n" % len(command) + b"".join(words)
