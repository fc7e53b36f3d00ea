"""Where the primary of a service is, asked of its sentinels."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from resque.errors import ServerUnavailable
from resque.store.address import Address
from resque.store.words import Reply

#: Seconds that one sentinel may take to be reached, and again to answer, before the next is asked.
TIMEOUT = 1.0


def places(address: Address) -> Iterator[Address]:
    """Yield the address of each sentinel, in the order in which they are asked."""
    assert address.sentinels is not None
    for host, port in address.sentinels.hosts:
        yield Address(
            host=host,
            port=port,
            tls=address.tls,
            username=address.sentinels.username,
            password=address.sentinels.password,
            ssl_ca_certs=address.ssl_ca_certs,
        )


def ask(address: Address, place: Address, call: Callable[..., Reply]) -> Address:
    """Return what the sentinel at ``place``, reached by ``call``, takes for the primary.

    Raises what ``call`` does, and ServerUnavailable if the sentinel does not know the service.
    The primary may be down: a sentinel names it until another has taken its place.
    """
    assert address.sentinels is not None
    service = address.sentinels.service
    # By the name that every version knows; Valkey has another as well.
    reply = call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
    if reply is None:
        raise ServerUnavailable(str(place), f"no service {service!r} is known", was_sent=False)
    host, port = reply
    return replace(address, host=host.decode(), port=int(port), sentinels=None)


def is_primary(greeting: Reply) -> bool:
    """Tell from the reply to its HELLO whether a server is what the sentinel says it is."""
    return isinstance(greeting, dict) and greeting.get(b"role") == b"master"
