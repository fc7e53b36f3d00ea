"""Where the health is served: the option's text, and the socket that listens there."""

import os
import socket
from dataclasses import dataclass

from resqued.errors import ResquedError

#: Who is listened to unless the option names a host: this machine alone.
LOOPBACK = "127.0.0.1"
#: Connections that wait to be accepted, while the process that serves them is replaced, say.
_BACKLOG = 128


class HealthPlaceError(ResquedError):
    """Raised for a place that is none, or where nothing can listen; names it, and says why."""


@dataclass(frozen=True, slots=True)
class HealthPlace:
    """A host and a port; ``str()`` of it is as in a URL."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "HealthPlace":
        """Read ``HOST:PORT``, ``[IPV6]:PORT``, or a port of the loopback. Raises HealthPlaceError.

        Port 0 has the kernel choose one.
        """
        host, colon, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if not is_bracketed and ":" in host:
            raise HealthPlaceError(f"an IPv6 host stands in brackets: [::1]:9100, not {text!r}")
        name = host[1:-1] if is_bracketed else host
        if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
            raise HealthPlaceError(f"HOST:PORT needs a port from 0 to 65535, not {text!r}")
        is_name = name.isprintable() and not set(name) & set(" []/")
        if (colon and not name) or not is_name or (is_bracketed and ":" not in name):
            raise HealthPlaceError(f"HOST:PORT needs a host, or only the port, not {text!r}")
        return cls(name or LOOPBACK, int(port))

    def listen(self) -> socket.socket:
        """Return a socket that listens there. Raises HealthPlaceError."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            # First: create_server puts what the resolver says into an error of the system's.
            socket.getaddrinfo(self.host, self.port, family, socket.SOCK_STREAM)
            listening = socket.create_server(
                (self.host, self.port), family=family, backlog=_BACKLOG
            )
        except OSError as error:
            raise HealthPlaceError(f"cannot serve health at {self}: {_reason(error)}") from error
        except UnicodeError as error:
            raise HealthPlaceError(f"cannot serve health at {self}: no such host") from error
        listening.setblocking(False)
        return listening


def _reason(error: OSError) -> str:
    """Return what the system calls it; for a name that is not found that is the error's text."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return str(error.strerror or error)
    return os.strerror(error.errno)


def place_of(listening: socket.socket) -> HealthPlace:
    """Return where a socket listens."""
    host, port = listening.getsockname()[:2]
    return HealthPlace(host, port)
