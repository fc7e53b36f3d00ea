"""Others change the lists between a look and a deed."""

import threading

import pytest

from resque.errors import FailureGoneError
from resque.failure import Requeued
from resque.failure.scan import CHUNK
from tests.support.failures import numbered, watched


@pytest.fixture(params=["redis", "redis_multi_queue"])
def client(connect, request):
    """A client with each backend."""
    return connect(request.param)


@pytest.fixture
def fill(client):
    """Save many failures, each of a job with its own number."""

    def run(count):
        (where,) = client.failure_backend.lists("q1")
        client.failure_backend.save(numbered(0))
        records = [numbered(number).record() for number in range(1, count)]
        if records:
            client.server.call("RPUSH", where.key, *records)
        return where.key

    return run


@pytest.fixture
def waiting(client):
    """Return the numbers of the jobs that wait."""

    def read():
        jobs = client.server.call("LRANGE", client.keys.queue("q1"), 0, -1)
        return [int(job.rpartition(b"[")[2].rstrip(b"]}")) for job in jobs]

    return read


def once(action):
    """Return what acts at its first call only."""
    left = [action]
    return lambda: left.pop()() if left else None


# --- between the reading of an entry and what is done with it


@pytest.mark.parametrize("removed", [1, 2, 3])
def test_a_list_that_was_shifted(client, fill, waiting, removed):
    """The job that was looked at is requeued, and no other."""
    key = fill(10)
    entry = client.failures.get(3)
    client.server.call("LPOP", key, removed)
    client.failures.requeue(entry)
    assert waiting() == [3]
    assert [e.index for e in client.failures.each() if e.is_retried] == [3 - removed]


def test_a_removal_from_a_list_that_was_shifted(client, fill):
    """The record that was looked at is removed, and no other."""
    key = fill(10)
    entry = client.failures.get(8)
    client.server.call("LPOP", key, 5)
    client.server.call("LPUSH", key, "new")
    assert client.failures.remove(entry)
    assert client.failures.count() == 5
    assert entry.raw not in client.server.call("LRANGE", key, 0, -1)


def test_a_record_that_was_removed(client, fill, waiting):
    """What stands in its place now is left alone."""
    fill(10)
    entry = client.failures.get(3)
    assert client.failures.remove(entry)
    with pytest.raises(FailureGoneError) as caught:
        client.failures.requeue(entry)
    assert (caught.value.index, caught.value.key) == (3, entry.where.key)
    assert not client.failures.remove(entry)
    assert (waiting(), client.failures.count()) == ([], 9)


def test_a_record_that_another_has_retried(client, fill, waiting):
    """One of two who look at the same failure requeues it; the other is told."""
    fill(3)
    mine, theirs = client.failures.get(1), client.failures.get(1)
    client.failures.requeue(theirs)
    with pytest.raises(FailureGoneError):
        client.failures.requeue(mine)
    assert not client.failures.remove(mine)
    assert (waiting(), client.failures.count()) == ([1], 3)


# --- within a walk over a list


@pytest.mark.parametrize("removed", [1, 7, CHUNK, CHUNK + 7])
@pytest.mark.parametrize("moment", [1, 2])
def test_all_are_requeued_though_old_ones_go(client, fill, waiting, removed, moment):
    """Others trim the list while it is walked: every record that is left is requeued, once."""
    key = fill(3 * CHUNK)
    server, found = watched(client)
    reads = iter(range(1, 100))
    server.after_read = lambda: (
        client.server.call("LPOP", key, removed) if next(reads) == moment else None
    )
    done = found.requeue_all()
    assert all(entry.is_retried for entry in client.failures.each())
    jobs = waiting()
    assert len(jobs) == len(set(jobs)) == done.requeued
    assert set(range(removed, 3 * CHUNK)) <= set(jobs)


def test_what_was_removed_meanwhile_is_not_requeued(client, fill, waiting):
    """It is counted as gone."""
    key = fill(10)
    server, found = watched(client)
    server.after_read = once(lambda: client.server.call("LPOP", key, 4))
    assert found.requeue_all() == Requeued(requeued=6, gone=4)
    assert waiting() == [4, 5, 6, 7, 8, 9]


def test_what_fails_meanwhile_is_left_alone(client, fill, waiting):
    """Jobs that fail again at once would keep it going for ever."""
    count = 2 * CHUNK - 10
    fill(count)
    server, found = watched(client)
    server.after_read = lambda: client.failure_backend.save(numbered(9999))
    assert found.requeue_all() == Requeued(requeued=count)
    assert waiting() == list(range(count))


@pytest.mark.parametrize("strange", [b"", b"}", b"{}"])
def test_a_walk_finds_its_place_by_any_record(client, fill, waiting, strange):
    """Also by one that is none, and looks like the beginning of every other."""
    key = fill(3 * CHUNK)
    client.server.call("LSET", key, CHUNK, strange)
    server, found = watched(client)
    server.after_read = once(lambda: client.server.call("LPOP", key, 7))
    assert found.requeue_all().refused == 1
    assert set(range(7, 3 * CHUNK)) - {CHUNK} == set(waiting())


def test_a_list_that_is_never_the_same_twice(client, fill):
    """Jobs fail all the time and old records are trimmed: a walk over it ends nevertheless."""
    key = fill(3 * CHUNK)
    server, found = watched(client)
    reads = iter(range(50))

    def replace_all():
        turn = next(reads)  # StopIteration if it goes on
        records = [numbered(1000 * turn + number).record() for number in range(3 * CHUNK)]
        client.server.pipeline([("DEL", key), ("RPUSH", key, *records)])

    server.after_read = replace_all
    assert len(list(found.each())) >= 3 * CHUNK


@pytest.mark.parametrize("removed", [1, CHUNK + 7])
def test_all_retried_are_cleared_though_old_ones_go(client, fill, removed):
    """Others trim the list while it is walked; nothing else is removed."""
    key = fill(3 * CHUNK)
    for entry in list(client.failures.each()):
        if entry.index % 3:
            client.failures.requeue(entry)
    server, found = watched(client)
    server.after_read = once(lambda: client.server.call("LPOP", key, removed))
    found.clear_retried()
    left = [numbered(n).record() for n in range(3 * CHUNK) if n % 3 == 0 and n >= removed]
    assert client.server.call("LRANGE", key, 0, -1) == left


def test_a_list_that_vanishes(client, fill, waiting):
    """A walk ends where the list does."""
    fill(3 * CHUNK)
    server, found = watched(client)
    server.after_read = once(client.failures.clear)
    assert found.requeue_all() == Requeued(gone=CHUNK)
    assert (waiting(), list(found.each())) == ([], [])


def test_two_who_requeue_everything_at_once(client, fill, waiting, connect, clean_valkey):
    """Each job is requeued by one of them."""
    fill(6 * CHUNK)
    others = [connect(type(client.failure_backend)) for _ in range(2)]
    results = []
    threads = [
        threading.Thread(target=lambda c=one: results.append(c.failures.requeue_all()))
        for one in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(result.requeued for result in results) == 6 * CHUNK
    assert sorted(waiting()) == list(range(6 * CHUNK))


# --- long lists


def test_a_long_list_is_read_in_pieces(client, fill, waiting):
    """Neither a reply nor a script's call grows with the list."""
    fill(20 * CHUNK)
    server, found = watched(client)
    assert found.count(class_name="Boom") == 20 * CHUNK
    assert found.count_by_class() == {"Boom": 20 * CHUNK}
    assert found.requeue_all(class_name="Boom") == Requeued(requeued=20 * CHUNK)
    assert waiting() == list(range(20 * CHUNK))
    assert found.clear_retried() == 20 * CHUNK
    assert server.longest <= 6 * CHUNK + 2
