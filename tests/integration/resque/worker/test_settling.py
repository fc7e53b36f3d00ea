"""A job's own process has its outcome known; what it cannot say, the worker finds out."""

import os
import signal

import pytest

from tests.support import waiting
from tests.support.monitor import Monitor


@pytest.fixture
def declare(application):
    """Declare a function as the job ``J`` of the queue ``q``."""
    return application.job(queue="q", name="J")


def connections(store):
    """Return how many connections the server has ever accepted."""
    info = store.call("INFO", "stats").decode()
    return int(info.partition("total_connections_received:")[2].split()[0])


def test_a_job_costs_no_connection(declare, start_worker, store):
    """A hundred jobs are finished over the worker's own."""
    declare(lambda: None)
    store.push("q", *[b'{"class":"J","args":[]}'] * 100)
    before = connections(store)
    worker = start_worker("q", interval=0)
    assert worker.wait() == 0
    assert store.stats() == (100, 0)
    assert connections(store) - before == 1


def stopped_worker_and_finished_job(start_worker, held_job, store):
    """Return a worker that stands still while its job's process ends."""
    store.push("q", b'{"class":"Held","args":[]}')
    worker = start_worker("q")
    held_job.has_begun.wait()
    worker.signal(signal.SIGSTOP)
    held_job.may_go_on.open()
    worker.wait_until(lambda: store.stats()[0] == 1, "the job's end on the server")
    return worker


def test_the_server_knows_before_the_worker(start_worker, held_job, store):
    """While the worker stands still, its job is finished and counted; it learns so later."""
    worker = stopped_worker_and_finished_job(start_worker, held_job, store)
    assert store.record(worker) is None
    worker.signal(signal.SIGCONT)
    worker.leave()
    assert store.stats() == (1, 0)
    assert store.failures() == []


def test_a_worker_killed_before_it_knows(start_worker, held_job, store):
    """Nothing is left that others would take for an unfinished job."""
    worker = stopped_worker_and_finished_job(start_worker, held_job, store)
    worker.signal(signal.SIGKILL)
    assert worker.wait() is None
    assert store.record(worker) is None


def drop_descriptors():
    """Close what a daemon closes."""
    os.closerange(3, 256)


def use_the_descriptor_for_something_else():
    """Have another socket where the worker's connection was."""
    os.closerange(3, 256)
    return [os.pipe() for _ in range(50)]


def end_the_process():
    """End without a word."""
    os._exit(0)


@pytest.mark.parametrize(
    "body", [drop_descriptors, use_the_descriptor_for_something_else, end_the_process]
)
def test_jobs_that_leave_no_way_to_tell(declare, start_worker, store, body):
    """The worker finishes them, once each."""
    declare(body)
    store.push("q", *[b'{"class":"J","args":[]}'] * 3)
    assert start_worker("q", interval=0).wait() == 0
    assert store.stats() == (3, 0)
    assert store.failures() == []


def test_a_job_that_uses_the_client(declare, application, start_worker, store):
    """It has a connection of its own by then, and the worker's stays in step."""

    @declare
    def perform(number):
        if number:
            perform.enqueue(number - 1)

    perform.enqueue(5)
    assert start_worker("q", interval=0).wait() == 0
    assert store.stats() == (6, 0)


def test_a_job_killed_when_it_is_done(declare, start_worker, store):
    """It has succeeded, whatever becomes of its process then."""

    @declare
    def perform(): ...

    def prepare(worker):
        posting = worker.client.server.posting

        def deadly(*args):
            post = posting(*args)

            def post_and_die():
                assert post()
                os.kill(os.getpid(), signal.SIGKILL)

            return post_and_die

        worker.client.server.posting = deadly

    store.push("q", *[b'{"class":"J","args":[]}'] * 3)
    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    assert store.stats() == (3, 0)
    assert store.failures() == []


def test_a_heartbeat_during_a_job(start_worker, held_job, store):
    """It goes over a connection of its own, so that the job's word stays in step."""
    store.push("q", b'{"class":"Held","args":[]}')
    worker = start_worker("q", interval=0, heartbeat_interval=0.1)
    held_job.has_begun.wait()
    for _ in range(2):
        store.call("HSET", store.keys.heartbeats, worker.id, "overwritten")
        waiting.wait_until(
            lambda: store.call("HGET", store.keys.heartbeats, worker.id) != b"overwritten",
            "another heartbeat",
        )
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.stats() == (1, 0)


def test_a_server_that_forgets_its_scripts(declare, start_worker, store, clean_valkey):
    """The worker sends the text that its job's process could not."""
    declare(lambda: store.call("SCRIPT", "FLUSH"))
    store.push("q", *[b'{"class":"J","args":[]}'] * 3)
    assert start_worker("q", interval=0).wait() == 0
    assert store.stats() == (3, 0)


def test_without_a_fork_finishing_and_reserving_are_one_call(
    declare, start_worker, store, clean_valkey
):
    """One round trip a job."""
    declare(lambda: None)
    store.push("q", *[b'{"class":"J","args":[]}'] * 10)

    def prepare(worker):
        worker.fork_per_job = False

    with Monitor(clean_valkey.port) as monitor:
        assert start_worker("q", interval=0, prepare=prepare).wait() == 0
        store.call("ECHO", "the end")
        calls = [c for c in monitor.read_until("the end") if c[0] == "EVALSHA"]
    assert store.stats() == (10, 0)
    assert len(calls) == 14  # claim, register, 10 and the one that finds nothing, unregister
