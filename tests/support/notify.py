"""A service manager's notification socket, as systemd opens it for a service of Type=notify."""

import pathlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: The kernel's ``struct ucred``: pid, uid, gid (unix(7)).
_CREDENTIALS = struct.Struct("3i")
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Notice:
    """One message."""

    pid: int  #: of the process that has sent it, as the kernel says
    lines: dict[str, str]

    def __contains__(self, line: str) -> bool:
        name, _, value = line.partition("=")
        return self.lines.get(name) == value


class NotifySocket:
    """Collects what is sent to it."""

    def __init__(self, address: str) -> None:
        """``address`` is a path, or begins with @ for an abstract name."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._notices: list[Notice] = []

    @property
    def notices(self) -> list[Notice]:
        """All messages up to now, oldest first."""
        self._notices += self._waiting()
        return self._notices

    def told(self, line: str) -> list[int]:
        """Return the places of the messages that have this line."""
        return [place for place, notice in enumerate(self.notices) if line in notice]

    def values(self, name: str) -> list[str]:
        """Return what this name was told to be, oldest first."""
        return [notice.lines[name] for notice in self.notices if name in notice.lines]

    @property
    def phases(self) -> list[str]:
        """What was said of starting, reloading and stopping, oldest first."""
        wanted = ("READY", "RELOADING", "STOPPING")
        return [name for notice in self.notices for name in wanted if name in notice.lines]

    @property
    def status(self) -> str:
        """The last status line, none at first."""
        return (self.values("STATUS") or [""])[-1]

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _waiting(self) -> Iterator[Notice]:
        while True:
            try:
                content, control, _, _ = self._socket.recvmsg(
                    _MOST, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except BlockingIOError:
                return
            ((_, _, credentials),) = control
            lines = dict(line.split("=", 1) for line in content.decode().split("\n"))
            yield Notice(_CREDENTIALS.unpack(credentials)[0], lines)


@contextmanager
def notify_socket(folder: pathlib.Path) -> Iterator[NotifySocket]:
    """Listen at a path in a folder meanwhile."""
    path = folder / "notify"
    manager = NotifySocket(str(path))
    try:
        yield manager
    finally:
        manager.close()
        path.unlink()
