"""A user of the server's access lists who may do what the documentation says, and no more."""

import pathlib
import re
import signal

import pytest

from resque.application import Application
from resque.errors import NoPermissionError
from resque.store.server import connect
from tests.support.server import ValkeyServer

DOCUMENTED = re.search(
    r"^ACL SETUSER myapp .*$",
    (pathlib.Path(__file__).parents[4] / "docs" / "server.md").read_text(),
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def server():
    """A server with the documented user, and none but that one and ours."""
    assert DOCUMENTED is not None
    with ValkeyServer() as own:
        admin = connect(own.url)
        admin.call(*DOCUMENTED[0].split())
        admin.close()
        yield own


@pytest.fixture
def admin(server):
    """The server for one who may do all; empty."""
    connection = connect(server.url)
    connection.call("FLUSHALL")
    yield connection
    connection.close()


@pytest.fixture(
    params=["redis://myapp:secret@127.0.0.1:{0.port}", "unix://myapp:secret@{0.socket_path}"]
)
def url(request, server):
    """The server for that user."""
    return request.param.format(server)


@pytest.fixture(params=["redis", "redis_multi_queue"])
def application(request, url, admin):
    """An application of that user."""
    made = Application()
    client = made.connect(url, failures=request.param)
    yield made
    client.close()


def test_all_of_a_worker(application, client, store, start_worker):
    """Jobs that end well, that fail, that are killed; heartbeats, pruning, the pause key."""

    @application.job(queue="q", name="Work")
    def perform(number):
        if number == 1:
            raise ValueError(number)

    store.call("SADD", store.keys.workers, "gone:1:q")
    store.call("HSET", store.keys.heartbeats, "gone:1:q", "2020-01-01T00:00:00+00:00")
    application.enqueue_many([perform.prepare(number) for number in range(3)])
    worker = start_worker("*", interval=0.02, heartbeat_interval=0.02)
    worker.wait_until(lambda: store.stats() == (3, 1), "three jobs")
    worker.wait_until(lambda: client.worker_ids() == [worker.id], "pruning")
    worker.signal(signal.SIGQUIT)
    assert worker.wait() == 0
    assert "NOPERM" not in worker.log
    assert client.worker_ids() == []


def test_all_of_a_client(application, client):
    """Whatever looks at queues, workers and failures, or changes them."""

    @application.job(queue="q", name="Work")
    def perform(number):
        raise ValueError(number)

    perform.enqueue(1)
    perform.enqueue(2)
    assert client.peek("q") is not None
    assert client.queue_sizes() == {"q": 2}
    assert client.sample_queues(1)["q"].size == 2
    assert client.info().pending == 2
    assert client.workers() == []
    assert client.working() == []
    assert application.dequeue(perform, 1) == 1
    assert client.pop("q") is not None
    assert client.key_names() == ["queues"]
    client.remove_queue("q")
    assert client.failures.count() == 0
    assert client.failures.clear() == 0


@pytest.mark.parametrize(
    "words",
    [
        ("GET", "other:queues"),
        ("CONFIG", "GET", "*"),
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "other:queues"),
        ("PUBLISH", "resque:x", "y"),
        ("CLIENT", "LIST"),
    ],
)
def test_nothing_else(admin, url, words):
    """The error names the server and the user's lack, and costs nothing else."""
    user = connect(url)
    with pytest.raises(NoPermissionError) as caught:
        user.call(*words)
    assert str(user.address) in str(caught.value)
    assert "NOPERM" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert user.call("PING") == b"PONG"
    assert user.openings == 1
    user.close()


def test_a_right_that_a_script_lacks(admin, server):
    """It is told as clearly from within a script."""
    admin.call("ACL", "SETUSER", "few", "on", ">secret", "~*", "-@all", "+evalsha", "+eval")
    user = connect(f"redis://few:secret@127.0.0.1:{server.port}")
    try:
        with pytest.raises(NoPermissionError, match=f"127.0.0.1:{server.port}.* 'get' command"):
            user.call("EVAL", "return redis.call('GET', KEYS[1])", 1, "k")
    finally:
        user.close()


def test_a_socket_with_a_password(admin, server):
    """The default user's, through a path."""
    admin.call("CONFIG", "SET", "requirepass", "pa/ss")
    try:
        local = connect(f"unix://:pa%2Fss@{server.socket_path}?db=1")
        assert local.call("ACL", "WHOAMI") == b"default"
        local.close()
    finally:
        admin.call("CONFIG", "SET", "requirepass", "")
