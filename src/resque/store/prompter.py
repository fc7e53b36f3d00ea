"""A server for whoever only rehearses: it knows all answers in advance, and keeps nothing."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from signal import Signals

import hiredis

from resque.store.script import Script
from resqued.process import kernel, reaper
from resqued.process.spawn import fork_child

_CHUNK = 65536
_GREETING = b"%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
_TIME = b"*2\r\n$1\r\n0\r\n$1\r\n0\r\n"
_YES = b":1\r\n"
_NOTHING = b"_\r\n"
_NEWS = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


@contextmanager
def prompter(element: bytes) -> Iterator[str]:
    """Have a child process answer, meanwhile, as a server would that has one worker's jobs.

    Returns its URL, on this host. On each connection three looks find nothing; after those that ask
    for that, the second and the third, there is word of news. All others find the job ``element``.
    Raises OSError if it can have no port, or no process.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        parent = os.getpid()
        pid = fork_child(lambda: _Prompter(element).answer(listening, parent))
        try:
            yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        finally:
            reaper.kill_and_reap(pid)


class _Prompter:
    """What that process does."""

    def __init__(self, element: bytes) -> None:
        self._job = b"*4\r\n$3\r\njob\r\n:0\r\n:1\r\n$%d\r\n%b\r\n" % (len(element), element)
        self._reserve = Script.load("reserve").sha1.encode()
        self._claim = Script.load("claim").sha1.encode()

    def answer(self, listening: socket.socket, parent: int) -> int:
        """Answer whoever connects, until killed."""
        kernel.die_with_parent(Signals.SIGKILL)
        while os.getppid() == parent:
            connection, _ = listening.accept()
            with connection:
                self._converse(connection)
        return 0

    def _converse(self, connection: socket.socket) -> None:
        reader = hiredis.Reader()
        looks = self._looks()
        while data := connection.recv(_CHUNK):
            reader.feed(data)
            commands = iter(reader.gets, False)
            # In one piece: of several, TCP would hold all but the first back.
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
