"""A bare loop over a socket and hiredis: ``python -m benchmarks.reference.sockets WORKERS fork``.

Anything but ``fork`` has the jobs run in the loop's own process. Each command is packed once;
nothing but the parser stands between the loop and the server.
"""

import os
import socket
import sys
from urllib.parse import urlsplit

import hiredis

from benchmarks.reference import family, loop

_CHUNK = 65536


class SocketStore:
    """One worker's connection."""

    def __init__(self) -> None:
        address = urlsplit(os.environ["REDIS_URL"])
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()
        queue, record, total, own = loop.keys()
        digest = self._ask(_pack("SCRIPT", "LOAD", loop.RESERVE), 1)
        self._reserve = _pack("EVALSHA", digest, "2", queue, record)
        self._finish = _pack("DEL", record) + _pack("INCR", total) + _pack("INCR", own)

    def reserve(self) -> bytes | None:
        """Take the next payload, if there is one."""
        return self._ask(self._reserve, 1)

    def finish(self) -> None:
        """Clear the worker's record and count the job."""
        self._ask(self._finish, 3)

    def _ask(self, commands: bytes, replies: int) -> bytes | None:
        """Return the last of the replies."""
        self._socket.sendall(commands)
        reply: bytes | None = None
        for _ in range(replies):
            while (got := self._reader.gets()) is False:
                self._reader.feed(self._socket.recv(_CHUNK))
            reply = got
        return reply


def _pack(*words: str | bytes | None) -> bytes:
    packed: bytes = hiredis.pack_command(words)
    return packed


if __name__ == "__main__":
    forks = sys.argv[2] == "fork"
    family.run(int(sys.argv[1]), lambda: loop.work(SocketStore(), forks=forks))
