"""Tell the service manager that has started this process how it is, as sd_notify(3) does.

Only what that page calls stable: a datagram of lines NAME=value to the socket in NOTIFY_SOCKET.
"""

import logging
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from resqued.errors import ResquedError

log = logging.getLogger(__name__)

#: What the manager sets for the process that it starts, and for no other.
_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
#: Bytes of an address (unix(7)), the zero at the end or before an abstract name left out.
_MAX_ADDRESS = 107


class NotifyVariableError(ResquedError):
    """Raised for a variable of the service manager's that makes no sense; says which."""

    def __init__(self, name: str, value: str, problem: str) -> None:
        super().__init__(f"{name}={value!a} in the environment {problem}")


@dataclass(frozen=True, slots=True)
class Manager:
    """The service manager, as its variables describe it."""

    address: str  #: of its socket: a path, or "@" and an abstract name
    watchdog: float | None = None  #: seconds within which it wants a sign of life; None: never
    #: Whether it must be told our pid: what it has started was another process (``-D``).
    wants_pid: bool = False


def take(environment: MutableMapping[str, str], pid: int, *, wants_pid: bool) -> Manager | None:
    """Take what is said of the service manager out of the environment; None if there is none.

    So nothing that is started later finds it there, and speaks in this process's name. ``pid`` is
    the one that the manager has started. Raises NotifyVariableError.
    """
    address = environment.pop(_SOCKET, "")
    microseconds = environment.pop(_WATCHDOG, "")
    watched = environment.pop(_WATCHDOG_PID, "")
    if not address:
        return None
    if address[0] not in "/@" or not 1 < len(os.fsencode(address)) <= _MAX_ADDRESS:
        raise NotifyVariableError(
            _SOCKET, address, f"is no socket: / or @ and up to {_MAX_ADDRESS - 1} bytes"
        )
    watchdog = _number(_WATCHDOG, microseconds) / 1e6 if microseconds else None
    if watched and _number(_WATCHDOG_PID, watched) != pid:
        watchdog = None  # it is meant for a process above this one
    return Manager(address, watchdog, wants_pid)


class Notifier:
    """The way to one service manager. Never waits, and raises nothing.

    It has no descriptor of its own between two messages, so none is inherited or left open.
    """

    def __init__(self, address: str) -> None:
        self._address = os.fsencode(address)
        if address.startswith("@"):
            self._address = b"\0" + self._address[1:]
        self._has_failed = False  #: whether the log says already that nobody listens

    def send(self, *lines: str) -> bool:
        """Send these lines as one message; False: the manager is busy, so try again later.

        If nobody listens there it is lost, which is logged once.
        """
        message = "\n".join(lines).encode("utf-8", "replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.setblocking(False)
                end.sendto(message, self._address)
        except BlockingIOError:
            return False
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                fields = {"event": "notify_failed", "reason": str(error)}
                log.warning("The service manager cannot be told anything: %s", error, extra=fields)
        return True


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text)):
        raise NotifyVariableError(name, text, "is no whole number above 0")
    return int(text)
