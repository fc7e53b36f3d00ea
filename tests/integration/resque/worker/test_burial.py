"""Whoever finds a dead worker does with its job what the worker's pool wants."""

import json
import os
import signal

import pytest

from resque.burial import Burial
from resque.errors import DirtyExit
from resque.store import queues

ID = "elsewhere:1:q"
ELEMENT = b'{"class":"Job","args":[1]}'


@pytest.fixture
def dead(client, store):
    """Leave a worker of another host that died in a job."""

    def run(element=ELEMENT, max_deaths=None):
        store.push("q", element)
        store.call("SADD", store.keys.workers, ID)
        queues.Reservation(client.keys, ID, ["q"]).take(client.server, 0.0)
        if max_deaths is not None:
            store.call("HSET", store.keys.deaths_allowed, ID, max_deaths)

    return run


@pytest.fixture
def bury(client):
    """Bury it; returns what was reported."""

    def run():
        reported = []
        burial = Burial(client.server, client.keys, lambda *args: reported.append(args))
        burial.bury(ID.encode(), DirtyExit())
        return [(held.element, type(error).__name__) for held, _, error in reported]

    return run


def keys_left(store):
    """Return what there is of the worker."""
    prefix = f"{store.keys.namespace}:"
    found = {key.decode().removeprefix(prefix) for key in store.call("KEYS", f"{prefix}*")}
    return {key for key in found if ID in key or key.startswith("workers")}


def test_a_job_fails_where_nothing_else_is_said(dead, bury, store):
    """As Ruby has it."""
    dead()
    assert bury() == [(ELEMENT, "DirtyExit")]
    assert (store.size("q"), keys_left(store)) == (0, set())


def test_a_job_is_put_back_where_its_worker_said_so(dead, bury, store):
    """So often; then it is poison, and its count is gone."""
    for _ in range(2):
        store.call("DEL", store.keys.queue("q"))
        dead(max_deaths=3)
        assert bury() == []
        assert (store.size("q"), keys_left(store)) == (1, set())
    store.call("DEL", store.keys.queue("q"))
    dead(max_deaths=3)
    assert bury() == [(ELEMENT, "PoisonJob")]
    assert (store.size("q"), keys_left(store)) == (0, set())
    assert not [key for key in store.call("KEYS", "*") if b"deaths" in key]


def test_what_is_no_job_is_never_put_back(dead, bury, store):
    """No worker could do it."""
    dead(b"no job", max_deaths=3)
    ((element, error),) = bury()
    assert (json.loads(element), error) == ("no job", "DirtyExit")
    assert store.size("q") == 0


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"\xff", b"9" * 5000])
def test_a_wish_that_cannot_be_read(dead, bury, store, text):
    """Somebody wrote it; the job fails, as without one."""
    dead()
    store.call("HSET", store.keys.deaths_allowed, ID, text)
    assert bury() == [(ELEMENT, "DirtyExit")]


def test_a_worker_says_so_before_it_has_a_job(start_worker, store, held_job):
    """And nothing of it is left when it leaves."""

    def prepare(worker):
        worker.max_deaths = 5

    store.push("q", b'{"class":"Held","args":[]}')
    worker = start_worker("q", interval=0, prepare=prepare)
    held_job.has_begun.wait()
    assert store.call("HGET", store.keys.deaths_allowed, worker.id) == b"5"
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.call("EXISTS", store.keys.deaths_allowed) == 0


def test_a_job_whose_process_is_killed(application, start_worker, store):
    """It is put back as if its worker had died with it, and is poison after as many deaths."""

    @application.job(queue="q", name="Deadly")
    def perform():
        os.kill(os.getpid(), signal.SIGKILL)

    def prepare(worker):
        worker.max_deaths = 3

    perform.enqueue()
    worker = start_worker("q", interval=0, prepare=prepare)
    assert worker.wait() == 0
    (record,) = store.failures()
    assert record["exception"] == "Resque::PoisonJob"
    assert worker.log.count("which is put back") == 2
    assert (
        worker.log.count("The process of Deadly from queue q, or of a job after it, was cut") == 3
    )
    assert store.stats() == (1, 0)
    assert not [key for key in store.call("KEYS", "*") if b"deaths" in key]


def test_a_job_that_its_worker_ends(start_worker, held_job, store):
    """Is not put back: somebody wanted its end."""

    def prepare(worker):
        worker.max_deaths = 3
        worker.term_timeout = 0.0

    store.push("q", b'{"class":"Held","args":[]}')
    worker = start_worker("q", interval=0, prepare=prepare)
    held_job.has_begun.wait()
    worker.signal(signal.SIGUSR1)
    assert worker.wait() == 0
    assert len(store.failures()) == 1
    assert store.size("q") == 0
    assert "was cut off" not in worker.log
