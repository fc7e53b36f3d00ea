"""A cluster of three: a namespace with a hash tag lives on one of its nodes."""

import pytest

from resque.application import Application
from resque.errors import ReplyError, ServerUnavailable
from resque.store import survey
from resque.store.server import connect
from tests.support import waiting
from tests.support.cluster import Cluster

HINT = r"a namespace needs a hash tag, such as \{resque\}"


@pytest.fixture(scope="module")
def cluster():
    """The cluster of this file's tests, each with a namespace of its own."""
    with Cluster().running() as one:
        yield one


@pytest.fixture
def node(cluster):
    """The node that is asked first."""
    return cluster.nodes[0]


@pytest.fixture
def application(node, namespace):
    """An application whose namespace has a hash tag."""
    made = Application()
    client = made.connect(node.url, f"{{{namespace}}}")
    yield made
    client.close()


class TestFromEachNode:
    """The address may name any node."""

    @pytest.fixture(params=range(3))
    def node(self, request, cluster):
        """Each in turn; one has the namespace."""
        return cluster.nodes[request.param]

    def test_a_worker_works(self, application, start_worker, store, client):
        """Jobs, failures and all that is shown, for all queues."""

        @application.job(queue="q", name="Work")
        def perform(number):
            if number == 2:
                raise ValueError(number)

        for number in range(3):
            perform.enqueue(number)
        application.enqueue_many([perform.prepare(number) for number in range(3, 6)])
        worker = start_worker("*", interval=0.02)
        worker.wait_until(lambda: store.stats() == (6, 1), "six jobs")
        assert client.queue_sizes() == {"q": 0}
        failure = client.failures.get(0)
        assert failure is not None
        client.failures.requeue(failure)
        worker.wait_until(lambda: store.stats() == (7, 2), "the seventh job")
        worker.leave()
        assert "WARNING" not in worker.log

    def test_all_keys_are_seen_by_the_first_command(self, node, application, store):
        """Though SCAN never says MOVED."""
        store.push("q", b"x")
        server = connect(node.url)
        assert survey.key_names(server, store.keys) == ["queue:q", "queues"]
        server.close()


def test_the_node_is_remembered(cluster, application, client):
    """One redirection, not one for each command."""
    owner = cluster.owner(client.keys.queues)
    for asked in cluster.nodes:
        server = connect(asked.url)
        for _ in range(3):
            assert server.call("SET", client.keys.pause, "no") == b"OK"
        assert server.openings == (1 if asked is owner else 2)
        server.close()


def test_the_node_tells(cluster, client):
    """Whichever is asked first, changes are told by the one that has the queue."""
    queue = client.keys.queue("q")
    for asked in cluster.nodes:
        server = connect(asked.url)
        tracking = server.tracking()
        tracking.begin()
        assert tracking.call("EXISTS", queue) == 0
        assert tracking.is_on
        client.server.pipeline([("RPUSH", queue, "x"), ("DEL", queue)])
        waiting.wait_until(tracking.has_news, "news")
        server.close()


@pytest.fixture
def moves(cluster, client):
    """Have the namespace go to another node, and come back: one move with each ``next``."""

    def move():
        owner = cluster.owner(client.keys.queues)
        other = next(node for node in cluster.nodes if node is not owner)
        admins = [cluster.admin(owner), cluster.admin(other)]
        ids = [admin.call("CLUSTER", "MYID") for admin in admins]
        slot = admins[0].call("CLUSTER", "KEYSLOT", client.keys.queues)
        for name in reversed(ids):
            for admin in reversed(admins) if name == ids[1] else admins:
                admin.call("CLUSTER", "SETSLOT", slot, "NODE", name)
            yield

    return move()


def test_a_slot_that_moves(client, moves):
    """The connection follows it, there and back."""
    assert client.server.call("EXISTS", client.keys.queues) == 0
    for _ in moves:
        assert client.server.call("EXISTS", client.keys.queues) == 0


def test_a_slot_that_moves_while_it_is_watched(client, moves):
    """The look that finds it elsewhere is repeated, to be told by the new node."""
    tracking = client.server.tracking()
    for _ in moves:
        for _ in range(2):
            tracking.begin()
            assert tracking.call("EXISTS", client.keys.queues) == 0
        assert tracking.is_on


def test_a_namespace_without_a_hash_tag(node, start_worker):
    """Worker and client say what it needs."""
    application = Application()
    client = application.connect(node.url, "resque")
    names = [f"q{number}" for number in range(20)]
    for refused in (client.info, lambda: client.enqueue_to("q", "Work")):
        with pytest.raises(ReplyError, match=HINT):
            refused()
    with pytest.raises(ReplyError, match=f"CROSSSLOT.*{HINT}"):
        client.server.call("DEL", *map(client.keys.queue, names))
    worker = start_worker(*names, client=client)
    worker.wait_until(lambda: "CROSSSLOT" in worker.log, "the refusal")
    assert "a namespace needs a hash tag" in worker.log
    client.close()


def test_a_node_that_is_gone_is_not_clung_to():
    """Its loss is an error that names it; then the address itself is asked again."""
    with Cluster().running() as cluster:
        owner = cluster.owner("{x}")
        asked = next(node for node in cluster.nodes if node is not owner)
        server = connect(asked.url)
        server.call("SET", "{x}", "v")
        owner.stop()
        with pytest.raises(ServerUnavailable, match=str(owner.port)):
            server.call("GET", "{x}")
        assert server.call("PING") == b"PONG"
        server.close()
