"""A server that has become a replica is left, and asked for anew."""

import pytest

from resque.errors import ReplyError
from resque.store.script import Script
from tests.support.server import ValkeyServer, free_port

WRITE = Script.of("write", "return redis.call('SET', KEYS[1], 'v')")


@pytest.fixture
def own_server():
    """A server that the test may change."""
    with ValkeyServer() as server:
        yield server


@pytest.mark.parametrize(
    "write",
    [
        lambda connection: connection.call("SET", "k", "v"),
        lambda connection: connection.run(WRITE, ["k"]),
        lambda connection: connection.pipeline([("GET", "k"), ("SET", "k", "v")]),
    ],
    ids=["command", "script", "pipeline"],
)
def test_a_replica_is_left(connect, own_server, write):
    """The error is the caller's, and the next call opens another connection."""
    connection, admin = connect(own_server.url), connect(own_server.url)
    write(connection)
    admin.call("REPLICAOF", "127.0.0.1", free_port())
    admin.call("SCRIPT", "FLUSH")
    with pytest.raises(ReplyError, match="READONLY"):
        write(connection)
    assert not connection.is_connected
    admin.call("REPLICAOF", "NO", "ONE")
    write(connection)
    assert connection.openings == 2
