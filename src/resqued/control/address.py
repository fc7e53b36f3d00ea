"""What the kernel takes for the path of a control socket, and who is found there."""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Bytes of an address; the kernel takes few more (unix(7): 108; macOS: 104).
_LONGEST_ADDRESS = 100
#: Bytes of a name that is reached through a descriptor of its folder.
_LONGEST_NAME = _LONGEST_ADDRESS - len("/proc/self/fd/123456/")
#: pid, user and group of who is at the other end (unix(7)).
_CREDENTIALS = struct.Struct("=iII")


def listener_at(path: str) -> int | None:
    """Return the pid of who listens there, 0 if it cannot be told; None: nobody does.

    Raises OSError if there is no such file, or it may not be used.
    """
    with socket.socket(socket.AF_UNIX) as probe, address_of(path) as address:
        probe.setblocking(False)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return None
        except BlockingIOError:
            return 0  # so many wait to be accepted that there is no room for us
        return _pid_of_peer(probe)


@contextmanager
def address_of(path: str) -> Iterator[str]:
    """Yield what the kernel takes for a path, which may be too long for an address.

    Then it is reached through a descriptor of its folder (Linux). Raises OSError.
    """
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield path
        return
    folder, name = os.path.split(path)
    if sys.platform != "linux" or len(os.fsencode(name)) > _LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    descriptor = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _pid_of_peer(connected: socket.socket) -> int:
    """Return the pid of who listened at the other end; 0 where the kernel does not tell."""
    if sys.platform != "linux":
        return 0
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(found)[0]
    return pid
