"""Reading what waits, on a real server."""

import json

import pytest

from resque.client import Resque
from resque.failure.choice import backend_named
from resque.registry import Registry
from resque.store.server import connect
from resqued.backlog.model import BacklogError, FailedJob, QueueDepth
from resqued.backlog.reader import BacklogReader
from resqued.ipc.messages import QueueServer
from tests.support.clock import HandTurnedClock
from tests.support.server import ValkeyServer

RECORD = {
    "failed_at": "2026/11/24 10:00:00 UTC",
    "payload": {"class": "Send", "args": []},
    "exception": "RuntimeError",
    "error": "no",
    "backtrace": [],
    "worker": "h:1:a",
    "queue": "a",
}


@pytest.fixture
def client(valkey: ValkeyServer, namespace: str):
    """A client of the run's server."""
    with_server = Resque(connect(valkey.url), Registry(), namespace)
    yield with_server
    with_server.close()


def test_it_shows_depths_ages_and_failures(valkey: ValkeyServer, client: Resque, namespace: str):
    """Ages are from its first look on; failures come newest first, no more than asked for."""
    clock = HandTurnedClock()
    client.push("a", {"class": "Send", "args": [1]})
    client.push("a", {"class": "Send", "args": [2]})
    client.push("b", "no job at all")
    client.pop("b")
    for number in range(3):
        raw = client.server.call("RPUSH", client.keys.failed, _record(error=f"no {number}"))
        assert raw == number + 1
    reader = BacklogReader(QueueServer(valkey.url, namespace, "redis"), clock)
    assert reader.read().failures == ()
    clock.turn(7)
    found = reader.read(failures=2)
    reader.close()
    assert found.queues == (
        QueueDepth(name="a", depth=2, head_age=7.0),
        QueueDepth(name="b", depth=0, head_age=None),
    )
    assert (found.failed, found.namespace) == (3, namespace)
    assert [failure.error for failure in found.failures] == ["no 2", "no 1"]
    assert found.failures[0] == FailedJob(
        failed_at="2026/11/24 10:00:00 UTC",
        queue="a",
        job="Send",
        exception="RuntimeError",
        error="no 2",
    )


def test_large_jobs_stay_on_the_server(valkey: ValkeyServer, client: Resque, namespace: str):
    """Their ages are known all the same; whoever looks every second does not carry them along."""
    clock = HandTurnedClock()
    client.push("a", {"class": "Send", "args": ["x" * 5_000_000]})
    reader = BacklogReader(QueueServer(valkey.url, namespace, "redis"), clock)
    before = _bytes_sent(client)
    reader.read()
    clock.turn(7)
    assert reader.read().queues == (QueueDepth(name="a", depth=1, head_age=7.0),)
    reader.close()
    assert _bytes_sent(client) - before < 100_000


def test_keys_of_another_type(valkey: ValkeyServer, client: Resque, namespace: str):
    """They are named, and all else is shown."""
    client.push("a", {"class": "Send", "args": []})
    client.server.call("SADD", client.keys.queues, "s")
    client.server.call("SET", client.keys.queue("s"), "x")
    reader = BacklogReader(QueueServer(valkey.url, namespace, "redis"), HandTurnedClock())
    found = reader.read(failures=5)
    assert found.queues == (QueueDepth(name="a", depth=1, head_age=0.0),)
    assert (found.failed, found.unreadable) == (0, (client.keys.queue("s"),))

    client.server.call("SET", client.keys.failed, "x")
    found = reader.read(failures=5)
    assert (len(found.queues), found.failed, found.failures) == (1, None, ())
    assert found.unreadable == (client.keys.queue("s"), client.keys.failed)

    client.server.call("SET", client.keys.queues, "x")
    found = reader.read()
    reader.close()
    assert (found.queues, found.unreadable) == ((), (client.keys.queues, client.keys.failed))


def test_failures_may_be_in_lists_of_their_own(valkey: ValkeyServer, namespace: str):
    """As the pool's backend has them; of one without records nothing is said."""
    make = backend_named("redis_multi_queue")
    client = Resque(connect(valkey.url), Registry(), namespace, failures=make)
    client.server.call("SADD", client.keys.failed_queues, "a_failed")
    client.server.call("RPUSH", client.keys.failed_queue("a"), _record())
    reader = BacklogReader(
        QueueServer(valkey.url, namespace, "redis_multi_queue"), HandTurnedClock()
    )
    assert reader.read(failures=5).failed == 1
    reader.close()
    elsewhere = BacklogReader(QueueServer(valkey.url, namespace, ""), HandTurnedClock())
    found = elsewhere.read(failures=5)
    assert (found.failed, found.failures) == (None, ())
    elsewhere.close()
    client.close()


def test_the_environment_names_the_server_if_nobody_else_does(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
):
    """As for the command ``resque``."""
    monkeypatch.setenv("REDIS_URL", valkey.url)
    reader = BacklogReader(None, HandTurnedClock())
    assert reader.read().namespace == "resque"
    reader.close()


def test_a_server_that_is_away_comes_back():
    """Each read says so, and the first one after its return works."""
    with ValkeyServer() as server:
        reader = BacklogReader(QueueServer(server.url, "resque", "redis"), HandTurnedClock())
        assert reader.read().queues == ()
        server.stop()
        with pytest.raises(BacklogError, match=str(server.port)):
            reader.read()
        server.start()
        assert reader.read().queues == ()
        reader.close()


def test_a_wrong_address_is_named_without_its_password():
    """It may come from a worker's code."""
    reader = BacklogReader(QueueServer("redis://:secret@h:x", "resque", ""), HandTurnedClock())
    with pytest.raises(BacklogError, match="port") as caught:
        reader.read()
    assert "secret" not in str(caught.value)


def _bytes_sent(client: Resque) -> int:
    text = client.server.call("INFO", "stats")
    return int(text.partition(b"total_net_output_bytes:")[2].split(b"\r\n", 1)[0])


def _record(**fields: str) -> str:
    return json.dumps({**RECORD, **fields})
