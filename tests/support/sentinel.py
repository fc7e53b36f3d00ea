"""A primary, its replica and a sentinel that makes the replica the primary: three processes."""

import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from resque.errors import ServerUnavailable
from resque.store.address import Address
from resque.store.connection import Connection
from resque.store.words import Reply, Word
from tests.support.server import ValkeyServer, free_port, server_binary
from tests.support.waiting import wait_until

SERVICE = "mymaster"


class Sentinel(ValkeyServer):
    """Takes a primary for down after half a second, and needs nobody's agreement for it."""

    def __init__(self, primary_port: int, *lines: str, host: str = "127.0.0.1") -> None:
        """``lines`` are more of its configuration; ``host`` is the primary's."""
        super().__init__()
        self._file = pathlib.Path(self._folder) / "sentinel.conf"
        settings = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self._folder}",
            *lines,
            f"sentinel monitor {SERVICE} {host} {primary_port} 1",
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 3000",
        )
        self._file.write_text("\n".join(settings) + "\n")

    def _command(self) -> list[str]:
        return [server_binary(), str(self._file), "--sentinel"]


class ReplicatedService:
    """All three, ready for a failover."""

    def __init__(self) -> None:
        self.primary = ValkeyServer("--repl-diskless-sync-delay", "0")
        self.replica = ValkeyServer("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.sentinel = Sentinel(self.primary.port)

    @property
    def url(self) -> str:
        """The service's address. The first of its two sentinels is not there."""
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{self.sentinel.port}"
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def wait_until_promoted(self) -> None:
        """Wait until the replica is the primary."""
        wait_until(self._is_promoted, "a failover")

    def wait_until_replicated(self) -> None:
        """Wait until the replica has all that the primary has."""
        wait_until(self._is_replicated, "replication")

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run all three."""
        with self.primary, self.replica:
            self.wait_until_replicated()
            with self.sentinel:
                wait_until(self._knows_replica, "the sentinel's knowledge of the replica")
                yield self

    def _is_promoted(self) -> bool:
        try:
            role, *_ = self._asks(self.replica, "ROLE")
        except ServerUnavailable:
            return False  # a sentinel cuts off all clients of the server that it promotes
        return role == b"master"

    def _is_replicated(self) -> bool:
        mine, others = self._asks(self.primary, "ROLE")[1:3]
        return [int(offset) for _, _, offset in others] == [mine]

    def _knows_replica(self) -> bool:
        known = self._asks(self.sentinel, "SENTINEL", "REPLICAS", SERVICE)
        return [replica[b"flags"] for replica in known] == [b"slave"]

    @staticmethod
    def _asks(server: ValkeyServer, *words: Word) -> Reply:
        connection = Connection(Address.parse(server.url))
        try:
            return connection.call(*words)
        finally:
            connection.close()
