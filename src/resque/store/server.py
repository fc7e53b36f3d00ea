"""What every function of the store needs of a server, and how to get one."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from resque.store.address import Address
from resque.store.clients import ClientAdapter
from resque.store.connection import Connection, default_url
from resque.store.script import Script
from resque.store.tracking import Tracking
from resque.store.words import Reply, Word


class Speaker(Protocol):
    """One way of asking a server."""

    def call(self, name: Word, *words: Word) -> Reply:
        """Send one command and return its reply; raises ReplyError, ServerUnavailable."""
        ...

    def run(self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()) -> Reply:
        """Run a script by its hash, with its text if the server lacks it."""
        ...


class Server(Speaker, Protocol):
    """A Redis or Valkey server, through a connection of ours or through a user's own client.

    Replies have the same form through either (see ``words.Reply``), and errors are ours.
    """

    @property
    def address(self) -> object:
        """Which server it is; its text is for people, and holds no password."""
        ...

    @property
    def openings(self) -> int:
        """How many connections it has opened, where they are ours; the last is the one in use."""
        ...

    def pipeline(self, commands: Iterable[Sequence[Word]]) -> list[Reply]:
        """Send all commands in one write, read all replies, then raise the first error reply."""
        ...

    def posting(
        self, script: Script, keys: Sequence[Word], args: Sequence[Word] = ()
    ) -> Callable[[], bool]:
        """Prepare, in the parent of a child to be forked, what runs a script over our connection.

        Called in the child it returns True if that was sent: the parent must be silent meanwhile,
        and read the reply by ``collect``. False, and nothing is sent, where that cannot be. Raises
        OSError if not all of it could be sent.
        """
        ...

    def collect(self) -> Reply:
        """Return the reply to what a child has posted; raises as ``call``."""
        ...

    def tracking(self, ignoring: Collection[str] = ()) -> Tracking | None:
        """Return a way of asking that has the server tell of changes; None: there is none.

        Changes of the keys ``ignoring`` are no news.
        """
        ...

    def twin(self) -> "Server":
        """Return the same server over a connection of its own, for whoever keeps this one free."""
        ...

    def close(self) -> None:
        """Let go of the connection, if it is ours; a later call gets a new one."""
        ...


def connect(target: object = None) -> Server:
    """Return the server for a URL, for a client of redis-py or valkey-py, or for the default.

    Nothing is contacted yet. Raises AddressError for a URL that is not understood and
    TypeError for any other object.
    """
    if target is None:
        target = default_url()
    if isinstance(target, str):
        return Connection(Address.parse(target))
    if isinstance(target, Connection | ClientAdapter):
        return target
    if callable(getattr(target, "execute_command", None)) and not _is_async(target):
        return ClientAdapter(target)
    raise TypeError(f"not the address of a server, nor a (synchronous) client: {target!r}")


def _is_async(client: object) -> bool:
    return any(".asyncio" in kind.__module__ for kind in type(client).__mro__)
