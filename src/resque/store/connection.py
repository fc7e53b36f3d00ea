"""A blocking RESP3 connection of our own: light to import, safe to fork, never out of step."""

import os
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import NoReturn, TypeVar

from resque.errors import ProtocolError, ReplyError, ResqueError, ServerUnavailable
from resque.store import faults, redirects, sentinels
from resque.store.address import Address
from resque.store.script import Script
from resque.store.sockets import open_socket
from resque.store.tracking import Tracking
from resque.store.wire import UnexpectedReplyError, Wire
from resque.store.words import Reply, Word, pack

T = TypeVar("T")


def default_url() -> str:
    """Return the address to use when the program names none, from the environment."""
    for name in ("RESQUE_REDIS_URL", "REDIS_URL"):
        if url := os.environ.get(name):
            return url
    return "redis://localhost:6379/0"


class Connection:
    """One conversation with one server, opened at first use and again whenever it was lost.

    An idle connection that the server has closed is noticed before the next command is
    written, and replaced: the caller sees nothing of it. If a command may have arrived, and its
    reply did not, ServerUnavailable says so. It is never sent twice, unless a node of a cluster
    has named the node to send it to and run nothing.

    Which server that is may change: it is what the sentinels say whenever one is opened, or the
    cluster's node that the last MOVED named.

    What the server remembers about a connection (CLIENT TRACKING, CLIENT SETNAME) is gone with
    it; ``openings`` counts, so a change of it tells when to ask again. A forked child gets a
    connection of its own at first use and leaves its parent's alone. Threads take turns.

    Not for commands that have no reply of their own: SUBSCRIBE, MONITOR, CLIENT REPLY.
    """

    def __init__(
        self,
        address: Address,
        *,
        connect_timeout: float = 5.0,
        reply_timeout: float = 5.0,
        opener: Callable[[Address, float], socket.socket] = open_socket,
    ) -> None:
        """Both timeouts are seconds; the second is the longest silence within one exchange.

        ``opener`` connects to an address, within so many seconds; it raises OSError.
        """
        self.address = address
        self.openings = 0
        self._at = address  # the server that was spoken to last
        self._opener = opener
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self.owner = os.getpid()  #: pid of the process whose it is; only a rehearsal sets it
        self._lock = RLock()
        self._wire: Wire | None = None

    def call(self, name: Word, *words: Word) -> Reply:
        """Send one command and return its reply.

        Raises ReplyError if that is an error; ServerUnavailable, ProtocolError,
        AuthenticationError or ServerVersionError if none was had; EncodeError, before anything
        is written, for text that is not Unicode.
        """
        return _without_error(self._exchange(pack((name, *words)), 1))[0]

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Reply]:
        """Send all commands in one write and return their replies.

        All of them are run, whatever the replies of the others; then the first ReplyError is
        raised. Raises as ``call`` does. This is no transaction.
        """
        packed = [pack(command) for command in commands]
        if not packed:
            return []
        return _without_error(self._exchange(b"".join(packed), len(packed)))

    def call_behind(
        self, prelude: Sequence[Sequence[Word]], command: Sequence[Word]
    ) -> tuple[list[Reply], Reply]:
        """Send a command in one write behind others which concern the connection alone.

        Returns the replies to those, and to the command, whatever they are: what was run is run,
        also where the connection was not made ready for it. Where another server is the right
        one, that is the command's to say. Raises as ``call`` does, but no ReplyError.
        """
        data = b"".join(map(pack, (*prelude, command)))
        *ahead, reply = self._exchange(data, len(prelude) + 1, ahead=len(prelude))
        return ahead, reply

    def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Reply:
        """Run a script by its hash, with its text if the server lacks it; raises as ``call``."""
        return script.evaluate(self.call, keys, args)

    def posting(
        self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()
    ) -> Callable[[], bool]:
        """Prepare what a forked child posts over this connection; see ``Server.posting``.

        It posts nothing once the child has let go of the connection, which its first call does,
        and over TLS, whose state two processes cannot share.
        """
        data = pack(script.by_hash(keys, args))

        def post() -> bool:
            wire = self._wire
            if self.owner == os.getpid() or wire is None or not wire.can_be_shared:
                return False
            wire.send(data)
            return True

        return post

    def collect(self) -> Reply:
        """Return the reply to what a child has posted; raises as ``call``."""
        with self._own_lock():
            wire = self._wire
            if wire is None:
                raise ServerUnavailable(str(self.address), "it was closed", was_sent=True)
            return _without_error(self._guard(wire, lambda: wire.exchange(b"", 1), was_sent=True))[
                0
            ]

    def tracking(self, ignoring: Collection[str] = ()) -> Tracking:
        """Return a way of asking here that has the server tell of changes; see ``Tracking``."""
        return Tracking(self, ignoring)

    def twin(self) -> "Connection":
        """Return another connection to the same server, not opened yet."""
        return Connection(
            self.address,
            connect_timeout=self._connect_timeout,
            reply_timeout=self._reply_timeout,
            opener=self._opener,
        )

    def pop_pushes(self) -> list[Reply]:
        """Return the push messages that have come since the last call, without waiting.

        Call it before sleeping on ``fileno()``: a push that came along with a reply has been
        read from the socket already. A loss of the connection is noticed here too; it shows in
        ``is_connected`` only.
        """
        with self._own_lock():
            if self._wire is None or not self._is_alive(self._wire):
                return []
            return self._wire.take_pushes()

    @property
    def is_connected(self) -> bool:
        """Whether a connection of this process is open, as far as known without asking."""
        with self._own_lock():
            return self._wire is not None and not self._wire.is_mid_exchange

    def fileno(self) -> int:
        """Return the descriptor to wait on for push messages; -1 when not connected."""
        with self._own_lock():
            return -1 if self._wire is None else self._wire.fileno()

    def close(self) -> None:
        """Close the connection, if any; a later call opens another."""
        with self._own_lock():
            self._drop(self._wire)

    def _own_lock(self) -> RLock:
        """Return the lock of this process, after letting go of what a parent's fork left here.

        The parent's lock may have been held by a thread that does not exist in this process.
        """
        if self.owner != os.getpid():
            self.owner = os.getpid()
            self._lock = RLock()
            self._drop(self._wire)
        return self._lock

    def _exchange(self, data: bytes, replies: int, *, ahead: int = 0) -> list[Reply]:
        """The first ``ahead`` replies have nothing to say of which server is the right one."""
        with self._own_lock():
            answers = self._exchange_once(data, replies)
            telling = answers[ahead:]
            if not redirects.are_elsewhere(telling):
                return answers
            self._drop(self._wire)
            self._at = redirects.destination(telling, self._at) or self._at
            return self._exchange_once(data, replies) if redirects.all_moved(telling) else answers

    def _exchange_once(self, data: bytes, replies: int) -> list[Reply]:
        wire = self._wire
        if wire is None or not self._is_alive(wire):
            wire = self._open()
        try:
            return wire.exchange(data, replies)
        except BaseException as error:  # noqa: BLE001 - raised again, translated
            self._give_up(wire, error, was_sent=True)

    def _is_alive(self, wire: Wire) -> bool:
        """Return whether nothing speaks against using ``wire``; if something does, drop it."""
        if wire.is_mid_exchange:
            self._drop(wire)
            return False
        try:
            wire.drain()
        except BaseException as error:  # noqa: BLE001 - what is not of the connection is raised again
            with suppress(ServerUnavailable, ProtocolError, UnexpectedReplyError):
                self._give_up(wire, error, was_sent=False)
            return False
        return True

    def _open(self) -> Wire:
        if self.address.sentinels is not None:
            return self._open_primary()
        try:
            return self._open_known()
        except ResqueError:
            self._at = self.address  # a cluster may have lost the node
            raise

    def _open_primary(self) -> Wire:
        """Open the server that a sentinel calls the primary, if that agrees."""
        problems = []
        for place in sentinels.places(self.address):
            sentinel = Connection(
                place, connect_timeout=sentinels.TIMEOUT, reply_timeout=sentinels.TIMEOUT
            )
            try:
                self._at = sentinels.ask(self.address, place, sentinel.call)
                return self._open_known()
            except (ServerUnavailable, ProtocolError, ReplyError) as error:
                problems.append(str(error))
            finally:
                sentinel.close()
        raise ServerUnavailable(str(self.address), "; ".join(problems), was_sent=False)

    def _open_known(self) -> Wire:
        sock = self._guard(
            None, lambda: self._opener(self._at, self._connect_timeout), was_sent=False
        )
        wire = Wire(sock, partial(faults.of_reply, self._at))
        self._guard(wire, lambda: self._greet(wire), was_sent=False)
        wire.set_timeout(self._reply_timeout)
        self.openings += 1
        self._wire = wire
        return wire

    def _greet(self, wire: Wire) -> None:
        """Choose RESP3, log in and select the database, on what must be a primary if ordered."""
        hello: list[Word] = ["HELLO", 3]
        if self._at.password is not None:
            hello += ["AUTH", self._at.username or "default", self._at.password]
        # Alone, as a server that is full answers the first command only, and closes.
        (greeting,) = wire.exchange(pack(hello), 1)
        if isinstance(greeting, ReplyError):
            raise faults.of_greeting(self._at, greeting) from greeting
        if self.address.sentinels is not None and not sentinels.is_primary(greeting):
            raise ServerUnavailable(str(self._at), "it is no primary", was_sent=False)
        if self._at.db:
            _without_error(wire.exchange(pack(("SELECT", self._at.db)), 1))

    def _guard(self, wire: Wire | None, step: Callable[[], T], *, was_sent: bool) -> T:
        """Return what ``step`` returns; whatever it raises, ``wire`` is closed for good."""
        try:
            return step()
        except BaseException as error:  # noqa: BLE001 - raised again, translated
            self._give_up(wire, error, was_sent=was_sent)

    def _give_up(self, wire: Wire | None, error: BaseException, *, was_sent: bool) -> NoReturn:
        """Close ``wire`` for good, and raise what the error means; nothing else happens here."""
        self._drop(wire)
        limit = self._reply_timeout if was_sent else self._connect_timeout
        meant = faults.of_exception(self._at, error, limit, was_sent=was_sent)
        if meant is None:
            raise error
        raise meant from error

    def _drop(self, wire: Wire | None) -> None:
        if wire is self._wire:
            self._wire = None
        if wire is not None:
            wire.close()


def _without_error(replies: list[Reply]) -> list[Reply]:
    for reply in replies:
        if isinstance(reply, ReplyError):
            raise reply
    return replies
