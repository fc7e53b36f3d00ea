"""The socket between a listener and one worker: ready, and go.

A worker that is built waits at the gate. It is let through only when the master has it on its
list, and a worker whose listener has died meanwhile finds the gate closed and leaves. So no
worker ever works that the master does not count.
"""

import socket

_READY = b"ready\n"
_GO = b"go\n"


class Gate:
    """The listener's end."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.setblocking(False)

    @classmethod
    def pair(cls) -> tuple["Gate", "Ticket"]:
        """Return the listener's end and the worker's."""
        ours, theirs = socket.socketpair()
        return cls(ours), Ticket(theirs)

    def fileno(self) -> int:
        """Return the descriptor, readable when the worker is ready or gone."""
        return self._socket.fileno()

    def is_reached(self) -> bool:
        """Read what the worker has sent: True if it is ready, False if it is gone."""
        try:
            return self._socket.recv(len(_READY)) == _READY
        except OSError:
            return False

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

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def wait(self) -> bool:
        """Say that this worker is ready, and wait to be let through; False: leave."""
        try:
            self._socket.sendall(_READY)
            return self._socket.recv(len(_GO)) == _GO
        except OSError:
            return False

    def close(self) -> None:
        """Close this end; in the listener, after the fork."""
        self._socket.close()
