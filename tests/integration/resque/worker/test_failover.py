"""Another server takes the place of the worker's: the same process goes on there."""

import time

import pytest

from resque.application import Application
from resque.errors import ReplyError, ServerUnavailable
from resque.store.address import Address
from resque.store.connection import Connection
from tests.support.sentinel import ReplicatedService
from tests.support.server import ValkeyServer, free_port
from tests.support.waiting import wait_until

RETURN = "The server is well again"


@pytest.fixture
def service():
    """A primary, a replica and a sentinel."""
    with ReplicatedService().running() as own:
        yield own


@pytest.fixture
def own_server():
    """A server that the test may change."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def url(service):
    """The sentinel's address."""
    return service.url


@pytest.fixture
def application(url, namespace):
    """An application that asks the sentinel."""
    made = Application()
    client = made.connect(url, namespace)
    yield made
    client.close()


@pytest.fixture(autouse=True)
def _note(application):
    """A job that ends at once; what is looked at is the server's count of it."""
    application.job(queue="q", name="Note")(print)


def enqueue_when_possible(application, text):
    """Enqueue as an application would that tries again."""

    def is_enqueued():
        try:
            return application.enqueue_to("q", "Note", text)
        except (ReplyError, ServerUnavailable):
            return False

    wait_until(is_enqueued, "a server that takes jobs")


def cut_off(service):
    """Have the primary go on without its replica, which nobody tells; return a connection."""
    primary = Connection(Address.parse(service.primary.url))
    primary.call("CONFIG", "SET", "requirepass", "not for the replica")
    assert primary.call("CLIENT", "KILL", "TYPE", "replica") == 1
    return primary


def test_the_primary_is_killed(service, application, start_worker, store):
    """Work goes on within 5 s; lost is exactly what the replica had not got."""
    worker = start_worker("q", interval=0.02)
    application.enqueue_to("q", "Note", "before")
    worker.wait_until(lambda: store.stats_of(worker) == (1, 0), "a job")
    replicated = [b"replicated-%d" % number for number in range(5)]
    lost = [b"lost-%d" % number for number in range(3)]
    store.push("kept", *replicated)
    service.wait_until_replicated()

    # Acknowledged by the primary alone: no client can tell these from the others.
    primary = cut_off(service)
    primary.call("RPUSH", store.keys.queue("kept"), *lost)
    service.primary.stop()
    primary.close()

    service.wait_until_promoted()
    promoted = time.monotonic()
    enqueue_when_possible(application, "after")
    worker.wait_until(lambda: store.stats_of(worker) == (2, 0), "another job")
    assert time.monotonic() - promoted < 5
    there = store.call("LRANGE", store.keys.queue("kept"), 0, -1)
    assert [job for job in [*replicated, *lost] if job not in there] == lost
    assert application.client.worker_ids() == [worker.id]
    assert worker.log.count(RETURN) == 1
    worker.leave()  # the same process all the time
    assert store.failures() == []


def test_a_job_during_a_failover(service, application, held_job, start_worker, store):
    """It ends while there is no primary, and is counted once on the new one."""
    worker = start_worker("q", interval=0.02)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    service.wait_until_replicated()
    service.primary.stop()
    held_job.may_go_on.open()
    service.wait_until_promoted()
    enqueue_when_possible(application, "after")
    worker.wait_until(lambda: store.stats_of(worker) == (2, 0), "both jobs")
    worker.leave()
    assert store.stats() == (2, 0)
    assert store.failures() == []


class TestPlainAddress:
    """A server behind a fixed address, such as a proxy's or a name's, becomes a replica."""

    @pytest.fixture
    def url(self, own_server):
        """The server's own address."""
        return own_server.url

    def test_a_worker_whose_server_becomes_a_replica(
        self, own_server, application, start_worker, store
    ):
        """Its heartbeat notices; it connects anew until what is there takes writes."""
        worker = start_worker("q", heartbeat_interval=0.2)
        worker.wait_until_idle()
        admin = Connection(Address.parse(own_server.url))
        application.enqueue_to("q", "Note", "before")
        worker.wait_until(lambda: store.stats_of(worker) == (1, 0), "a job")
        admin.call("CONFIG", "SET", "replica-serve-stale-data", "no")
        admin.call("REPLICAOF", "127.0.0.1", free_port())
        worker.wait_until(lambda: "well: MASTERDOWN" in worker.log, "an outage")
        admin.call("REPLICAOF", "NO", "ONE")
        admin.close()
        enqueue_when_possible(application, "after")
        worker.wait_until(lambda: store.stats_of(worker) == (2, 0), "another job")
        worker.leave()
        assert worker.log.count(RETURN) == 1
