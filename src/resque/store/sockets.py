"""Opening a stream socket to an address: TCP, TLS or Unix."""

import socket
from contextlib import suppress

from resque.store.address import Address

#: A peer that vanished without a word is noticed after about two minutes instead of two hours.
#: Options that the system does not know are left out (macOS has no TCP_KEEPIDLE).
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


def open_socket(address: Address, timeout: float) -> socket.socket:
    """Connect within ``timeout`` seconds for each IP address of the host; raises OSError.

    The time of name resolution is the system's own and comes on top.
    """
    if address.path is not None:
        return _open_unix(address.path, timeout)
    try:
        plain = socket.create_connection((_resolvable(address.host), address.port), timeout)
    except UnicodeError as error:  # a host that is no domain name, such as "a..b"
        raise OSError(f"{address.host!r} is not a host name: {error}") from error
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(plain)
        return _wrap_tls(plain, address) if address.tls else plain
    except BaseException:
        plain.close()
        raise


def _resolvable(host: str) -> str:
    """Return a host as ``socket`` takes it without the codec of domain names, where it can.

    Each worker would load that for itself, if it may read it at all: its user may have changed.
    """
    return host.encode() if host.isascii() else host  # type: ignore[return-value]  # which it takes


def _open_unix(path: str, timeout: float) -> socket.socket:
    unix = socket.socket(socket.AF_UNIX)
    try:
        unix.settimeout(timeout)
        unix.connect(path)
    except BaseException:
        unix.close()
        raise
    return unix


def keep_alive(plain: socket.socket) -> None:
    """Have a peer of this TCP socket that vanishes noticed; see ``_KEEPALIVE``."""
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        with suppress(AttributeError, OSError):
            plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _wrap_tls(plain: socket.socket, address: Address) -> socket.socket:
    import ssl  # noqa: PLC0415 - 6 MB that only TLS should cost

    context = ssl.create_default_context(cafile=address.ssl_ca_certs)
    return context.wrap_socket(plain, server_hostname=address.host)
