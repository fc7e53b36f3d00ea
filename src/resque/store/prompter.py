"""A server for whoever only rehearses: it knows all answers in advance, and keeps nothing."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import hiredis

from resque.store.address import Address
from resque.store.script import Script
from resqued.process import reaper
from resqued.process.spawn import fork_child

_CHUNK = 65536
_GREETING = b"%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
_TIME = b"*2\r\n$1\r\n0\r\n$1\r\n0\r\n"
_YES = b":1\r\n"
_NOTHING = b"_\r\n"
_NEWS = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


class Prompter:
    """The way to a process that answers as a server would which has one worker's jobs."""

    def __init__(self, ends: list[socket.socket]) -> None:
        """``ends`` are the connections to it."""
        self._ends = ends

    def open(self, _address: Address, _timeout: float) -> socket.socket:
        """Return another connection, whatever the address. Raises ConnectionError if none is left.

        Stands for ``sockets.open_socket``; the caller closes what it gets.
        """
        if not self._ends:
            raise ConnectionRefusedError("the prompter has no more to say")
        return self._ends.pop(0)


@contextmanager
def prompter(element: bytes, connections: int) -> Iterator[Prompter]:
    """Have a child process answer meanwhile, on so many connections, one after the other.

    Yields the way to it, which nobody else has. On each connection three looks find nothing; after
    those that ask for that, the second and the third, there is word of news. All others find the
    job ``element``. Raises OSError if there are no files for it, or no process.
    """
    with ExitStack() as stack:
        ours: list[socket.socket] = []
        theirs: list[socket.socket] = []
        for _ in range(connections):
            for ends, end in zip((ours, theirs), socket.socketpair(), strict=True):
                end.settimeout(None)  # whatever the application has made the default
                ends.append(stack.enter_context(end))

        def answer() -> int:
            for end in ours:
                end.close()
            return _Script(element).play(theirs)

        pid = fork_child(answer)
        stack.callback(reaper.kill_and_reap, pid)
        for end in theirs:
            end.close()
        yield Prompter(ours.copy())


class _Script:
    """What that process does; it ends when the other ends of all its connections are closed."""

    def __init__(self, element: bytes) -> None:
        self._job = b"*4\r\n$3\r\njob\r\n:0\r\n:1\r\n$%d\r\n%b\r\n" % (len(element), element)
        self._reserve = Script.load("reserve").sha1.encode()
        self._claim = Script.load("claim").sha1.encode()

    def play(self, connections: list[socket.socket]) -> int:
        """Answer on one connection after the other."""
        for connection in connections:
            with connection:
                self._converse(connection)
        return 0

    def _converse(self, connection: socket.socket) -> None:
        reader = hiredis.Reader()
        looks = self._looks()
        while data := connection.recv(_CHUNK):
            reader.feed(data)
            commands = iter(reader.gets, False)
            connection.sendall(b"".join(self._reply(command, looks) for command in commands))

    def _looks(self) -> Iterator[bytes]:
        yield _NOTHING
        yield _NOTHING + _NEWS
        yield _NOTHING + _NEWS
        while True:
            yield self._job

    def _reply(self, command: list[bytes], looks: Iterator[bytes]) -> bytes:
        match command:
            case [b"HELLO", *_]:
                return _GREETING
            case [b"TIME"]:
                return _TIME
            case [b"EVALSHA", self._reserve, *_]:
                return next(looks)
            case [b"EVALSHA", self._claim, *_]:
                return _YES
            case _:
                return _NOTHING
