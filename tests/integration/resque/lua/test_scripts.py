"""The other scripts: exactly the keys of the protocol, exactly once."""

import re

import pytest

from resque.store import failures, workers

WORKER = "host:1:a"
NOW = 1795459193.9


@pytest.fixture
def register(client):
    """Register a worker."""

    def run(worker_id=WORKER):
        workers.register(client.server, client.keys, worker_id, NOW)

    return run


@pytest.fixture
def unregister(client):
    """Unregister a worker."""

    def run(worker_id=WORKER):
        workers.unregister(client.server, client.keys, worker_id)

    return run


@pytest.fixture
def fail(client):
    """Save a failure record, and count it for a worker."""

    def run(record, counted_for):
        failures.append(client.server, client.keys.failed, record)
        workers.count_failure(client.server, client.keys, counted_for)

    return run


@pytest.fixture
def take(reserve, push):
    """Have a job in hand."""

    def run():
        push("a", b"job")
        reserve("a")

    return run


def test_registration(register, everything):
    """Three keys: the set, the start, the heartbeat."""
    register()
    found = everything()
    started = found.pop("worker:host:1:a:started")
    heartbeat = found["workers:heartbeat"].pop(b"host:1:a")
    assert found == {"workers": [b"host:1:a"], "workers:heartbeat": {}}
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", started)
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", heartbeat)


def test_registration_can_be_repeated(register, everything):
    """A second time, after a lost reply, changes nothing."""
    register()
    register()
    assert everything()["workers"] == [b"host:1:a"]


def test_unregistration_leaves_nothing(register, unregister, fail, take, finish, everything):
    """Everything of the worker goes, whatever it has done; totals and other workers stay."""
    register()
    register("host:2:b")
    take()
    fail(b"record", WORKER)
    finish()
    take()
    unregister()
    unregister()
    found = everything()
    assert found.pop("workers:heartbeat").keys() == {b"host:2:b"}
    del found["worker:host:2:b:started"]
    assert found == {
        "workers": [b"host:2:b"],
        "failed": [b"record"],
        "stat:failed": b"1",
        "stat:processed": b"1",
    }


def test_a_job_is_counted_once(take, finish, everything):
    """Finishing twice, after a lost reply, counts once."""
    take()
    finish()
    finish()
    assert everything() == {"stat:processed": b"1", "stat:processed:host:1:a": b"1"}


def test_each_job_is_counted(take, finish, everything):
    """Ruby counts on from what is there."""
    for _ in range(2):
        take()
        finish()
    assert everything() == {"stat:processed": b"2", "stat:processed:host:1:a": b"2"}


def test_nothing_in_hand_is_not_counted(finish, everything):
    """Without a job there is nothing to finish."""
    finish()
    assert everything() == {}


def test_failures_that_jobs_report(fail, everything):
    """It is counted in all and for the worker; records stand in the order they came."""
    fail(b"first", WORKER)
    fail(b"\xff second", WORKER)
    assert everything() == {
        "failed": [b"first", b"\xff second"],
        "stat:failed": b"2",
        "stat:failed:host:1:a": b"2",
    }


def test_a_server_that_has_forgotten_the_scripts(register, unregister, store, everything):
    """After SCRIPT FLUSH, or on another server, the text is sent again."""
    register()
    store.call("SCRIPT", "FLUSH")
    unregister()
    assert everything() == {}
