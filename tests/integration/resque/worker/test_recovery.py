"""What the process does that sees to a worker which has just died."""

import hashlib
import json
import time
from dataclasses import dataclass

import pytest

from resque.client import Resque
from resque.errors import PoisonJob, ServerUnavailable
from resque.registry import Registry
from resque.store import deaths, queues, workers
from resque.store.server import connect
from resque.worker import recover, recovery
from tests.support.server import free_port

ID = "host.3fa8c1:4000000000:q"  #: no kernel gives this pid away
ELEMENT = b'{"class":"Job","args":[1,{"b":2,"a":[]}]}'
OTHER = b'{"class":"Job","args":[2]}'


@dataclass(frozen=True)
class Death:
    """One worker's."""

    on_worker_death: str = "fail"
    max_deaths: int = 3
    name: str | None = ID
    overdue: float | None = None


REQUEUE = Death("requeue")


@pytest.fixture
def die(client, store):
    """Leave what a worker leaves that is killed in a job."""

    def run(element=ELEMENT, queue="q"):
        store.call("SADD", client.keys.workers, ID)
        store.call("HSET", client.keys.heartbeats, ID, "2026-11-23T18:39:53+00:00")
        store.call("SET", client.keys.worker_started(ID), "2026-11-23 18:39:53 +0000")
        if element is not None:
            store.call("LPUSH", client.keys.queue(queue), element)
            reserved = queues.Reservation(client.keys, ID, [queue]).take(client.server, 0.0)
            assert reserved == queues.Reserved(queue, element)

    return run


@pytest.fixture
def keys(client):
    """Read which keys there are."""
    prefix = f"{client.keys.namespace}:"

    def read():
        found = client.server.call("KEYS", f"{prefix}*")
        return {key.decode().removeprefix(prefix) for key in found}

    return read


def elements(client, queue="q"):
    """Read a queue."""
    return client.server.call("LRANGE", client.keys.queue(queue), 0, -1)


@pytest.mark.parametrize("death", [Death(), REQUEUE])
def test_a_worker_without_a_job_is_forgotten(client, die, keys, death):
    """However often."""
    die(None)
    for _ in range(2):
        recover(death, client)
        assert keys() == set()


def test_a_worker_that_died_before_it_had_a_name(client, die, keys):
    """Whatever lies under the id that it might have taken is another's."""
    die()
    before = keys()
    recover(Death(name=None), client)
    assert keys() == before


def test_its_job_is_recorded_as_failed(application, client, die, keys, store):
    """With its hooks run, and their error in the record; once."""
    told = []

    @application.job(queue="q", name="Job")
    class Job:
        @staticmethod
        def perform(*args):
            raise AssertionError

        @staticmethod
        def on_failure_tell(error, *args):
            told.append((type(error).__name__, args))
            raise ValueError("by design")

    die()
    for _ in range(2):
        recover(Death(), client)
    (failure,) = store.failures()
    assert (failure["exception"], failure["worker"], failure["queue"]) == (
        *("Resque::DirtyExit", ID, "q"),
    )
    assert failure["error"].startswith("Job still being processed\nAdditional error (ValueError")
    assert failure["payload"] == json.loads(ELEMENT)
    assert told == [("DirtyExit", (1, {"b": 2, "a": []}))]
    assert keys() == {"failed"}


def test_its_job_goes_back_to_the_head_of_its_queue(client, die, keys, store):
    """Byte for byte, once; no trace of the worker is left, and a count that ends."""
    die()
    store.push("q", OTHER)
    store.call("DEL", client.keys.queues)  # somebody has forgotten the queue
    for _ in range(2):
        recover(REQUEUE, client)
    assert elements(client) == [ELEMENT, OTHER]
    assert store.call("SMEMBERS", client.keys.queues) == [b"q"]
    count = f"deaths:{hashlib.sha1(b'q' + bytes(1) + ELEMENT).hexdigest()}"
    assert keys() == {"queue:q", "queues", count}
    assert store.call("GET", f"{client.keys.namespace}:{count}") == b"1"
    left = store.call("TTL", f"{client.keys.namespace}:{count}")
    assert deaths.COUNT_KEPT - 60 < left <= deaths.COUNT_KEPT


def test_a_job_that_kills_its_workers(application, client, die, keys, store):
    """It is failed at the last death that it is allowed; then it is counted anew."""
    told = []

    @application.job(queue="q", name="Job")
    class Job:
        @staticmethod
        def perform(*args):
            raise AssertionError

        @staticmethod
        def on_failure_tell(error, *args):
            told.append(error)

    for death in range(3):
        die()
        recover(REQUEUE, client)
        assert elements(client) == ([ELEMENT] if death < 2 else [])
        store.call("DEL", client.keys.queue("q"))
    (failure,) = store.failures()
    assert (failure["exception"], failure["payload"]) == ("Resque::PoisonJob", json.loads(ELEMENT))
    assert failure["error"] == "Job has killed 3 workers, and is not tried again"
    assert [(type(error), error.deaths) for error in told] == [(PoisonJob, 3)]
    assert keys() == {"failed", "queues"}


def test_one_death_may_be_all_that_is_allowed(client, die, keys, store):
    """It is never put back then."""
    die()
    recover(Death("requeue", max_deaths=1), client)
    (failure,) = store.failures()
    assert failure["error"] == "Job has killed 1 worker, and is not tried again"
    assert keys() == {"failed"}


def test_other_jobs_have_counts_of_their_own(client, die, store):
    """By payload, and by queue."""
    for element, queue in [(OTHER, "q"), (ELEMENT, "q"), (ELEMENT, "r")]:
        die(element, queue)
        recover(Death("requeue", max_deaths=2), client)
    assert (store.failures(), elements(client)) == ([], [ELEMENT, OTHER])
    assert elements(client, "r") == [ELEMENT]


@pytest.mark.parametrize("element", [b"[1]", b"{", b"\xff\x00", b'{"class":1}'])
def test_what_is_no_job_is_never_put_back(client, die, store, element):
    """It would go round for ever, in other words than it came in."""
    die(element)
    recover(REQUEUE, client)
    assert (len(store.failures()), elements(client)) == (1, [])
    assert store.call("EXISTS", client.keys.worker(ID)) == 0


@pytest.mark.parametrize("record", [b"nonsense", b"\xff", b"[]", b"{}", b'{"queue":7,"payload":1}'])
def test_a_record_that_cannot_be_read(client, die, store, record):
    """It is failed as it is, whatever the pool says."""
    die(None)
    store.call("SET", client.keys.worker(ID), record)
    recover(REQUEUE, client)
    (failure,) = store.failures()
    assert (failure["exception"], failure["queue"]) == ("Resque::DirtyExit", "unknown")
    assert store.worker_ids() == []


@pytest.mark.parametrize("policy", ["fail", "requeue"])
def test_a_job_whose_time_was_over(client, die, keys, store, policy):
    """It has failed, whatever the pool says: its worker was ended over it."""
    die()
    recover(Death(policy, overdue=1.5), client)
    (failure,) = store.failures()
    assert (failure["exception"], failure["error"]) == (
        *("JobTimeout", "took more than 1.5 s (limit of the worker)"),
    )
    assert keys() == {"failed"}


def test_a_record_that_changes_meanwhile(client, die, store):
    """The script has the last word: nothing is put back that is not in the worker's hands."""
    die()
    record = workers.record(client.server, client.keys, ID)
    held = queues.from_record(record)
    assert deaths.requeue(client.server, client.keys, ID, record, held, 3).kind == "requeued"
    for _ in range(2):  # as after a lost reply
        assert deaths.requeue(client.server, client.keys, ID, record, held, 3).kind == "changed"
    assert elements(client) == [ELEMENT]


def test_a_poisonous_job_whose_record_could_not_be_saved(application, client, die, store):
    """It is still in the worker's hands, and poisonous: nothing was counted twice."""

    class Broken:
        def save(self, failed):
            raise RuntimeError("by design")

    die()
    broken = application.connect(client.server, client.keys.namespace, failures=Broken())
    for _ in range(2):
        with pytest.raises(RuntimeError, match="by design"):
            recover(Death("requeue", max_deaths=1), broken)
    recover(Death("requeue", max_deaths=1), client)
    (failure,) = store.failures()
    assert failure["error"].startswith("Job has killed 1 worker,")


def test_a_server_that_stays_away(monkeypatch):
    """It is asked again for some time; then the last error says why nothing was done."""
    monkeypatch.setattr(recovery, "PATIENCE", 0.2)
    away = Resque(connect(f"redis://127.0.0.1:{free_port()}/0"), Registry())
    began_at = time.monotonic()
    with pytest.raises(ServerUnavailable):
        recover(REQUEUE, away)
    assert time.monotonic() - began_at >= 0.2
