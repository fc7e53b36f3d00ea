"""The other scripts: exactly the keys of the protocol, exactly once."""

import re

import pytest

from resque.store import workers

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


def test_unregistration_leaves_nothing(register, unregister, take, finish, everything):
    """Everything of the worker goes, whatever it has done; totals and other workers stay."""
    register()
    register("host:2:b")
    take()
    finish(has_failed=True)
    take()
    unregister()
    unregister()
    found = everything()
    assert found.pop("workers:heartbeat").keys() == {b"host:2:b"}
    del found["worker:host:2:b:started"]
    assert found == {
        "workers": [b"host:2:b"],
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
    for number in range(2):
        take()
        finish(number)
    assert everything() == {"stat:processed": b"2", "stat:processed:host:1:a": b"2"}


def test_nothing_in_hand_is_not_counted(finish, everything):
    """Without a job there is nothing to finish."""
    finish()
    assert everything() == {}


def test_failures_that_jobs_report(take, finish, everything):
    """Such a failure is counted as well, in all and for the worker, in the same step and once."""
    take()
    finish(has_failed=True)
    finish(has_failed=True)
    assert everything() == {
        "stat:processed": b"1",
        "stat:processed:host:1:a": b"1",
        "stat:failed": b"1",
        "stat:failed:host:1:a": b"1",
    }


def test_the_next_job_is_not_finished_for_the_last(take, finish, held):
    """A finish that arrives late, or again, leaves the record of the job that followed."""
    take()
    finish(0)
    take()
    finish(0)
    assert held() is not None
    finish(1)
    assert held() is None


def test_finishing_and_reserving_are_one_step(take, reserve, push, everything):
    """The job that is done is counted and the next one recorded; again, after a lost reply, too."""
    take()
    push("a", b"next", b"third")
    for _ in range(2):
        assert reserve("a", done=0).number == 1
    assert everything().items() >= {"queue:a": [b"third"], "stat:processed": b"1"}.items()


def test_equal_jobs_one_after_the_other(reserve, push, everything):
    """Their records are the same to the byte, and still each is counted when it is done."""
    push("a", b"{}", b"{}")
    reserve("a")
    reserve("a", done=0)
    reserve("a", done=0)
    assert everything()["stat:processed"] == b"1"
    assert reserve("a", done=1).name == "EMPTY"
    assert everything()["stat:processed"] == b"2"


def test_counters_that_somebody_has_cleared(take, finish, held, store):
    """The job in hand is finished all the same."""
    for number in range(2):
        take()
        finish(number)
    take()
    store.call("DEL", store.keys.worker_stat("processed", WORKER))
    finish(2)
    assert held() is None


def test_a_server_that_has_forgotten_the_scripts(register, unregister, store, everything):
    """After SCRIPT FLUSH, or on another server, the text is sent again."""
    register()
    store.call("SCRIPT", "FLUSH")
    unregister()
    assert everything() == {}
