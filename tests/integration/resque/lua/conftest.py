"""Shortcuts for what lies on the server."""

import pytest

from resque.store import queues, workers

WORKER = "host:1:a"
#: 2026-11-23 18:39:53 UTC, from the protocol's example.
NOW = 1795459193.9
#: A number that no job comes after.
ANY = 10**9


@pytest.fixture
def reserve(client):
    """Reserve for one worker, as it does."""

    def run(*names, worker_id=WORKER, done=None):
        return queues.Reservation(client.keys, worker_id, names).take(client.server, NOW, done=done)

    return run


@pytest.fixture
def push(client):
    """Append an element as it is."""

    def run(queue, *elements):
        client.server.call("RPUSH", client.keys.queue(queue), *elements)

    return run


@pytest.fixture
def held(client):
    """Read the record of the worker's job."""

    def read(worker_id=WORKER):
        return workers.record(client.server, client.keys, worker_id)

    return read


@pytest.fixture
def finish(client):
    """Finish the worker's job, whichever it is unless told."""

    def run(number=ANY, **options):
        workers.finish(client.server, client.keys, WORKER, number, **options)

    return run


@pytest.fixture
def everything(client):
    """Read all keys of the namespace, without it, and their values."""
    readers = {
        b"string": ("GET",),
        b"list": ("LRANGE", 0, -1),
        b"set": ("SMEMBERS",),
        b"hash": ("HGETALL",),
    }

    def read():
        call = client.server.call
        prefix = f"{client.keys.namespace}:".encode()
        found = {}
        for key in call("KEYS", "*"):
            assert key.startswith(prefix), key
            name, *operands = readers[call("TYPE", key)]
            found[key.removeprefix(prefix).decode()] = call(name, key, *operands)
        return found

    return read
