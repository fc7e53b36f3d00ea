"""Two workers of the same host name and pid, as containers have them, never share an id."""

import os
import re
import socket

import pytest

from resque import times
from resque.errors import ServerUnavailable
from resque.store import workers
from resque.worker import identity

FRESH = 120.0


@pytest.fixture
def plain():
    """The id that a worker of this process has if nobody minds."""
    return f"{socket.gethostname()}:{os.getpid()}:q"


@pytest.fixture
def claim(client):
    """Claim an id for this process."""

    def run(**options):
        return identity.claim_id(client, ("q",), FRESH, **options)

    return run


@pytest.fixture
def beat(client):
    """Have a heartbeat of some age there."""

    def run(worker_id, age):
        text = times.heartbeat(workers.server_time(client.server) - age)
        client.server.call("HSET", client.keys.heartbeats, worker_id, text)

    return run


def test_the_usual_id(claim, plain, store):
    """It is the plain one, with a heartbeat from that moment on."""
    assert claim() == plain
    assert store.call("HGET", store.keys.heartbeats, plain)


@pytest.mark.parametrize("age", [0, 60, 100])
def test_a_living_namesake(claim, plain, store, beat, age):
    """The newcomer's host gets a discriminator, which every reader of ids understands."""
    beat(plain, age)
    before = store.call("HGET", store.keys.heartbeats, plain)
    claimed = claim()
    host = re.escape(socket.gethostname())
    assert re.fullmatch(rf"{host}\.[0-9a-f]{{6}}:{os.getpid()}:q", claimed)
    assert store.call("HGET", store.keys.heartbeats, plain) == before
    assert claim() not in {plain, claimed}


@pytest.mark.parametrize("age", [130, 10_000])
def test_a_namesake_that_is_gone(claim, plain, beat, age):
    """Its id is taken over, and with it what it has left."""
    beat(plain, age)
    assert claim() == plain


def test_a_heartbeat_that_cannot_be_read(claim, plain, store):
    """Nobody's."""
    store.call("HSET", store.keys.heartbeats, plain, b"\xff")
    assert claim() == plain


def test_a_reply_that_was_lost(claim, plain, monkeypatch):
    """What was written then is known as one's own."""
    ours: set[bytes] = set()
    original = workers.claim

    def claim_and_lose(*args):
        assert original(*args)
        raise ServerUnavailable("the server", "lost on purpose", was_sent=True)

    with monkeypatch.context() as patch:
        patch.setattr(workers, "claim", claim_and_lose)
        with pytest.raises(ServerUnavailable):
            claim(ours=ours)
    assert claim(ours=ours) == plain


def test_somebody_was_faster(claim, plain, beat, monkeypatch):
    """Between the look and the claim another took it: the newcomer looks again."""
    original = workers.claim

    def too_late(*args):
        monkeypatch.setattr(workers, "claim", original)
        beat(plain, 0)
        return original(*args)

    monkeypatch.setattr(workers, "claim", too_late)
    assert claim() != plain


def test_a_worker_beside_its_namesake(application, start_worker, store, held_job, beat):
    """It registers, works and leaves under its own id; the other's entries are untouched."""

    def take_plain(worker):
        beat(worker.id, 0)

    store.push("q", b'{"class":"Held","args":[]}')
    worker = start_worker("q", interval=0, prepare=take_plain)
    held_job.has_begun.wait()
    (registered,) = application.client.worker_ids()
    assert registered != worker.id
    assert registered.endswith(f":{worker.pid}:q")
    assert store.call("GET", store.keys.worker(registered))
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert application.client.worker_ids() == []
    assert store.call("HKEYS", store.keys.heartbeats) == [worker.id.encode()]
    assert store.stats() == (1, 0)
