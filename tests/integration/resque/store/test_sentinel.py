"""Sentinels say where the server is, also after it has become another one."""

import pytest

from resque.errors import AuthenticationError, ReplyError, ServerUnavailable
from tests.support.sentinel import SERVICE, ReplicatedService, Sentinel
from tests.support.server import free_port
from tests.support.waiting import wait_until


@pytest.fixture
def service():
    """A primary, a replica and a sentinel of this test's own."""
    with ReplicatedService().running() as own:
        yield own


def port_of(connection):
    """Return the port of the server that is spoken to."""
    return int(connection.call("CONFIG", "GET", "port")[b"port"])


def test_opens_the_primary(connect, service):
    """Past a sentinel that is not there, in the database of the address."""
    connection = connect(f"{service.url}/3")
    assert port_of(connection) == service.primary.port
    assert b"db=3" in connection.call("CLIENT", "INFO")
    assert connection.openings == 1


def test_a_failover(connect, service):
    """The same connection speaks to the new primary, with all that had been replicated."""
    connection = connect(service.url)
    connection.call("SET", "k", "v")
    service.wait_until_replicated()
    service.primary.stop()

    def is_back():
        try:
            return connection.call("GET", "k") == b"v"
        except ServerUnavailable:
            return False

    wait_until(is_back, "another primary")
    assert port_of(connection) == service.replica.port
    connection.call("SET", "k", "w")


def test_a_primary_that_is_none_is_not_spoken_to(connect, service):
    """What a sentinel says may be out of date; the server itself knows."""
    connection = connect(service.url)
    connection.call("SET", "k", "v")
    primary = connect(service.primary.url)
    primary.call("REPLICAOF", "127.0.0.1", service.replica.port)
    with pytest.raises(ReplyError, match="READONLY"):
        connection.call("SET", "k", "w")
    with pytest.raises(ServerUnavailable, match="it is no primary") as caught:
        connection.call("SET", "k", "w")
    assert f"redis://127.0.0.1:{service.primary.port}/0" in str(caught.value)
    primary.call("REPLICAOF", "NO", "ONE")
    assert connection.call("SET", "k", "w") == b"OK"


def test_no_sentinel_at_all(connect):
    """The error names them all, and nothing was sent."""
    ports = free_port(), free_port()
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    with pytest.raises(ServerUnavailable) as caught:
        connect(f"redis+sentinel://:pw@{hosts}/{SERVICE}").call("PING")
    assert caught.value.address == f"redis+sentinel://{hosts}/{SERVICE}/0"
    assert all(f"redis://127.0.0.1:{port}/0: " in str(caught.value.cause) for port in ports)
    assert not caught.value.was_sent


def test_a_service_that_the_sentinel_does_not_know(connect, clean_valkey):
    """Its name is in the error."""
    with Sentinel(clean_valkey.port) as sentinel:
        connection = connect(f"redis+sentinel://127.0.0.1:{sentinel.port}/other")
        with pytest.raises(ServerUnavailable, match="no service 'other' is known"):
            connection.call("PING")


def test_sentinels_that_are_none(connect, clean_valkey):
    """A plain server in their place is told by its answer."""
    connection = connect(f"redis+sentinel://127.0.0.1:{clean_valkey.port}/{SERVICE}")
    with pytest.raises(ServerUnavailable, match="unknown command 'SENTINEL'"):
        connection.call("PING")


def test_sentinels_with_a_password(connect, clean_valkey):
    """It is their own, and the error without it names the sentinel."""
    with Sentinel(clean_valkey.port, "requirepass pw") as sentinel:
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{SERVICE}"
        assert connect(f"{url}?sentinel_password=pw").call("PING") == b"PONG"
        for wrong in (url, f"{url}?sentinel_password=no"):
            with pytest.raises(AuthenticationError, match=f"127.0.0.1:{sentinel.port}"):
                connect(wrong).call("PING")
