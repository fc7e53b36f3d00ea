"""Three servers that are one cluster, a third of the slots each."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from resque.store.address import Address
from resque.store.connection import Connection
from tests.support.server import ValkeyServer, free_port
from tests.support.waiting import wait_until

_SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


class Cluster:
    """The servers, and who has which key."""

    def __init__(self) -> None:
        self._bus_ports = [free_port() for _ in _SLOTS]
        self.nodes = [
            ValkeyServer("--cluster-enabled", "yes", "--cluster-port", str(port))
            for port in self._bus_ports
        ]
        self._running = ExitStack()

    def admin(self, node: ValkeyServer) -> Connection:
        """Return a connection to one node, which is closed with the cluster."""
        connection = Connection(Address.parse(node.url))
        self._running.callback(connection.close)
        return connection

    def owner(self, key: str) -> ValkeyServer:
        """Return the node that has a key's slot."""
        slot: int = self.admin(self.nodes[0]).call("CLUSTER", "KEYSLOT", key)
        return self.nodes[next(n for n, (_, last) in enumerate(_SLOTS) if slot <= last)]

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run all three, as one when this is entered."""
        with self._running:
            for node in self.nodes:
                self._running.enter_context(node)
            self._join()
            yield self

    def _join(self) -> None:
        admins = [self.admin(node) for node in self.nodes]
        for admin, slots in zip(admins, _SLOTS, strict=True):
            admin.call("CLUSTER", "ADDSLOTSRANGE", *slots)
        for node, bus_port in zip(self.nodes[1:], self._bus_ports[1:], strict=True):
            admins[0].call("CLUSTER", "MEET", "127.0.0.1", node.port, bus_port)
        for admin in admins:
            wait_until(lambda admin=admin: _is_ready(admin), "the cluster")


def _is_ready(admin: Connection) -> bool:
    info = admin.call("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info
