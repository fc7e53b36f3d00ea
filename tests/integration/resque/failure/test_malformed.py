"""Anything may lie in a list of failures: it can be counted, shown, and removed."""

import json
import random

import pytest

from resque.errors import NotRequeueableError
from resque.failure import Requeued
from tests.support.failures import RECORD, numbered

FIELDS = [
    "failed_at",
    "payload",
    "exception",
    "error",
    "backtrace",
    "worker",
    "queue",
    "retried_at",
]
VALUES = [None, True, False, 0, 1.5, "", "text", [], [1], {}, {"class": 5}, {"class": "X"}, [[{}]]]

#: Nothing that could be run is in these,
NO_JOBS = [
    b"",
    b" ",
    b"null",
    b"true",
    b"7",
    b'"text"',
    b"[]",
    b"[1,2]",
    b"{}",
    b"{",
    b"not JSON",
    b"\xff\xfe\x00",
    b"\x80" * 1000,
    b"{} {}",
    b'{"a":NaN}',
    b"[" * 100_000,
    b'{"payload":' * 100_000,
    b"x" * 1_000_000,
    b'{"error":"%s"}' % (b"y" * 1_000_000),
    "\u2028\x1b[2J".encode(),
    b'{"payload":{"args":[]},"queue":"q"}',
]
#: ... and these are strange.
NO_RECORDS = [
    *NO_JOBS,
    b'{"payload":{"class":"X","args":[%s]}}' % (b"9" * 10_000),
    RECORD.replace(b"bad thing", b"\xff\xfe"),
    RECORD.replace(b"bad thing", b"\\ud83d"),
]
OTHER_TYPES = [
    json.dumps(json.loads(RECORD) | {name: value}).encode() for name in FIELDS for value in VALUES
]


@pytest.fixture(params=["redis", "redis_multi_queue"])
def client(connect, request):
    """A client with each backend."""
    return connect(request.param)


@pytest.fixture
def found(client, failures):
    """Its failures."""
    return failures(client)


@pytest.fixture
def put(client):
    """Append to the failures of q1, as anybody may."""

    def run(*records):
        client.failure_backend.save(numbered(0))
        (where,) = client.failure_backend.lists("q1")
        client.server.call("RPUSH", where.key, *records)
        client.failure_backend.save(numbered(1))
        return where.key

    return run


@pytest.mark.parametrize("records", [NO_RECORDS, OTHER_TYPES], ids=["no records", "other types"])
def test_everything_can_be_read(found, put, records):
    """Each has an entry of its own, in its place, with its bytes."""
    put(*records)
    assert found.count() == len(records) + 2
    entries = list(found.each())
    assert [entry.raw for entry in entries[1:-1]] == records
    assert [entry.index for entry in entries] == list(range(len(records) + 2))
    assert found.page(limit=1000) == entries[::-1]
    assert sum(found.count_by_class().values()) == len(records) + 2
    assert sum(found.count_by_queue().values()) == len(records) + 2
    for entry in entries:
        assert entry.shown().isprintable()
        assert found.find(entry.id).raw == entry.raw


@pytest.mark.parametrize("records", [NO_RECORDS, OTHER_TYPES], ids=["no records", "other types"])
def test_everything_can_be_removed(found, put, records):
    """In any order; what is sound stays."""
    put(*records)
    entries = list(found.each())[1:-1]
    random.Random(7).shuffle(entries)
    for entry in entries:
        assert found.remove(entry)
    assert [entry.class_name for entry in found.each()] == ["Boom", "Boom"]
    assert not any(entry.is_malformed for entry in found.each())


@pytest.mark.parametrize("record", NO_JOBS, ids=lambda record: repr(record[:20]))
def test_what_holds_no_job_is_refused(found, put, client, record):
    """The error says why, and nothing is changed."""
    key = put(record)
    with pytest.raises(NotRequeueableError):
        found.requeue(found.get(1))
    assert found.requeue_all() == Requeued(requeued=2, refused=1)
    assert client.server.call("LINDEX", key, 1) == record


def test_it_is_passed_over(found, put, client):
    """Whatever lies between, all that can be requeued is, and all that was retried is cleared."""
    put(*NO_RECORDS, *OTHER_TYPES)
    done = found.requeue_all()
    assert done.requeued + done.refused + done.skipped == len(NO_RECORDS) + len(OTHER_TYPES) + 2
    for queue in client.queues():
        for job in client.server.call("LRANGE", client.keys.queue(queue), 0, -1):
            assert job.startswith(b'{"class":"')
    assert found.requeue_all().requeued == 0
    assert found.clear_retried() == done.requeued + done.skipped
    assert found.count() == done.refused


def test_everything_can_be_cleared(found, put):
    """At once, or but for what is of a class."""
    put(*NO_RECORDS, *OTHER_TYPES)
    assert found.clear(class_name="X") == 2
    assert found.clear() == len(NO_RECORDS) + len(OTHER_TYPES)
    assert (found.count(), found.page()) == (0, [])


def test_names_in_failed_queues(connect, failures):
    """What is not the name of a list of failures, or not UTF-8, is passed over."""
    client = connect("redis_multi_queue")
    client.failure_backend.save(numbered(1))
    client.server.call("SADD", client.keys.failed_queues, b"\xff_failed", "queues", "", "x_failed")
    found = failures(client)
    assert (found.count(), found.count_by_queue()) == (1, {"q1": 1})
    assert found.requeue_all() == Requeued(requeued=1)
    assert found.clear() == 1
