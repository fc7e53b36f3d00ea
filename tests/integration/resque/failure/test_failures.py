"""Reading and mending, the same with each backend."""

import pytest

from resque.errors import FailureGoneError, NotRequeueableError
from resque.failure import Requeued, multiple
from tests.support.failures import RECORD, failed_job, numbered
from tests.support.monitor import Monitor

BACKENDS = ["redis", "redis_multi_queue"]
#: The list of the queue q1's failures, without the namespace.
KEYS = {"redis": "failed", "redis_multi_queue": "q1_failed"}


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The name of a backend."""
    return request.param


@pytest.fixture
def client(connect, backend):
    """A client with it."""
    return connect(backend)


@pytest.fixture
def found(client, failures):
    """Its failures."""
    return failures(client)


@pytest.fixture
def mixed(client, save):
    """Six failures: of q1 the numbers 0, 2, 4; of q2 1, 3, 5; 4 and 5 are of another class."""
    for number in range(6):
        class_name = "Other" if number > 3 else "Boom"
        save(client, numbered(number, f"q{1 + number % 2}", class_name))


@pytest.fixture
def put(client):
    """Append a record of q1 to its list."""

    def run(record):
        client.failure_backend.save(failed_job())
        (where,) = client.failure_backend.lists("q1")
        client.server.call("LSET", where.key, 0, record)

    return run


@pytest.fixture
def commands(client, clean_valkey, namespace):
    """Return what a script does, and that it is one; without the namespace."""

    def run(action):
        with Monitor(clean_valkey.port) as monitor:
            action()
            client.server.call("ECHO", "the end")
            heard = monitor.read_until("the end")
        sent = [command[0] for command in heard if command[0] != "lua"]
        assert sent in (["EVALSHA"], ["EVALSHA", "EVAL"])
        inside = [command[1:] for command in heard if command[0] == "lua"]
        return [[word.replace(f"{namespace}:", "") for word in command] for command in inside]

    return run


def numbers(entries):
    """Return the arguments of the entries' jobs."""
    return [int(entry.payload.rpartition(b"[")[2].rstrip(b"]}")) for entry in entries]


def queued(store, queue):
    """Return what waits in a queue."""
    return store.call("LRANGE", store.keys.queue(queue), 0, -1)


# --- reading


def test_nothing(found):
    """There is nothing in an empty list."""
    assert (found.count(), found.count_by_queue(), found.count_by_class()) == (0, {}, {})
    assert (found.page(), list(found.each()), found.get(0)) == ([], [], None)
    assert (found.clear(), found.clear_retried(), found.requeue_all()) == (0, 0, Requeued())


def test_counts(mixed, found, client):
    """In all, by queue, by class, by both."""
    assert (found.count(), client.failure_count()) == (6, 6)
    assert found.count(queue="q1") == 3
    assert found.count(class_name="Boom") == 4
    assert found.count(queue="q2", class_name="Other") == 1
    assert found.count(queue="nobody's") == 0
    assert found.count_by_queue() == {"q1": 3, "q2": 3}
    assert found.count_by_class() == {"Boom": 4, "Other": 2}
    assert found.count_by_class(queue="q1") == {"Boom": 2, "Other": 1}


def test_looking_leaves_nothing_behind(found, client):
    """Ruby's look-ups write the names of lists that do not exist."""
    found.count(queue="typo")
    found.page(queue="typo")
    assert client.server.call("KEYS", "*") == []


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [0, 1, 2, 5, 6, 100])
@pytest.mark.parametrize("offset", [0, 1, 3, 5, 6, 100])
def test_pages(mixed, found, backend, offset, limit, newest_first):
    """They are slices of all, whatever lists these come from."""
    everything = numbers(found.each(newest_first=newest_first))
    if backend == "redis":
        assert everything == ([5, 4, 3, 2, 1, 0] if newest_first else [0, 1, 2, 3, 4, 5])
    else:
        assert everything == ([4, 2, 0, 5, 3, 1] if newest_first else [0, 2, 4, 1, 3, 5])
    page = found.page(offset, limit, newest_first=newest_first)
    assert numbers(page) == everything[offset : offset + limit]


def test_pages_of_a_selection(mixed, found):
    """Offset and limit count what is meant only."""
    assert numbers(found.page(queue="q1")) == [4, 2, 0]
    assert numbers(found.page(1, 1, queue="q1")) == [2]
    assert numbers(found.page(1, 1, queue="q2", newest_first=False)) == [3]
    assert numbers(found.page(0, 2, queue="q1", class_name="Boom")) == [2, 0]
    assert found.page(0, 2, queue="q3") == []


def test_an_entry_knows_its_index(mixed, found, client):
    """It is that of its list, whatever page or selection it was read for."""
    for entry in [*found.page(1, 3), *found.each(class_name="Other"), found.get(2, queue="q2")]:
        assert client.server.call("LINDEX", entry.where.key, entry.index) == entry.raw


@pytest.mark.parametrize(("offset", "limit"), [(-1, 1), (0, -1)])
def test_negative_numbers(found, offset, limit):
    """They would mean something else to the server."""
    with pytest.raises(ValueError, match="count records"):
        found.page(offset, limit)


def test_an_id_finds_its_entry(mixed, found, client):
    """Also where others have removed some that were before it; and not once it is changed."""
    entry = found.get(2, queue="q1")
    assert found.find(entry.id) == entry
    assert found.find(entry.id, queue="q1") == entry
    assert found.find(entry.id, queue="q2") is None
    client.server.call("LPOP", entry.where.key)
    shifted = found.find(entry.id)
    assert (shifted.raw, shifted.index) == (entry.raw, entry.index - 1)
    found.requeue(shifted)
    assert found.find(entry.id) is None
    assert found.find("no id") is None


# --- requeueing


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("UTC", b"2026/11/23 18:46:58 UTC"),
        ("Asia/Kolkata", b"2026/11/24 00:16:58 IST"),
        ("America/Sao_Paulo", b"2026/11/23 15:46:58 -03"),
    ],
)
def test_a_requeue(found, put, zone, backend, name, at):
    """The record stays, with the local time at its end; lists of one queue leave the zone out."""
    zone(name)
    put(RECORD)
    found.requeue(found.get(0))
    at = at if backend == "redis" else at.rpartition(b" ")[0]
    assert [entry.raw for entry in found.each()] == [RECORD[:-1] + b',"retried_at":"%s"}' % at]


def test_a_requeued_job(found, put, store):
    """It waits in its queue, which is known, if it was not."""
    put(RECORD)
    found.requeue(found.get(0))
    assert queued(store, "q1") == [b'{"class":"Boom","args":["x"]}']
    assert store.call("SMEMBERS", store.keys.queues) == [b"q1"]


def test_the_commands_of_a_requeue(found, put, commands, backend):
    """One script; in it those that Ruby sends one by one."""
    put(RECORD)
    entry = found.get(0)
    heard = commands(lambda: found.requeue(entry))
    key = KEYS[backend]
    assert heard == [
        ["LINDEX", key, "0"],
        ["LSET", key, "0", found.get(0).raw.decode()],
        ["SADD", "queues", "q1"],
        ["RPUSH", "queue:q1", '{"class":"Boom","args":["x"]}'],
    ]


def test_a_requeued_job_can_be_worked(client, found, save, store, application, start_worker):
    """From failed through the queue to a worker."""

    @application.job(queue="q1", name="Boom")
    def perform(number):
        client.server.call("RPUSH", "done", number)

    save(client, numbered(7))
    found.requeue(found.get(0))
    assert start_worker("q1", interval=0, client=client).wait() == 0
    done = client.server.call("LRANGE", "done", 0, -1)
    assert (done, found.count()) == ([b"7"], 1)


def test_all(mixed, found, store):
    """Each once, in the order in which they failed; a second time there is nothing to do."""
    assert found.requeue_all() == Requeued(requeued=6)
    assert queued(store, "q1") == [
        b'{"class":"Boom","args":[0]}',
        b'{"class":"Boom","args":[2]}',
        b'{"class":"Other","args":[4]}',
    ]
    assert len(queued(store, "q2")) == 3
    assert found.requeue_all() == Requeued(skipped=6)
    assert all(entry.is_retried for entry in found.each())


def test_all_of_a_queue_or_a_class(mixed, found, store):
    """The others stay as they are."""
    assert found.requeue_all(queue="q1", class_name="Boom") == Requeued(requeued=2)
    assert found.requeue_all(queue="q1") == Requeued(requeued=1, skipped=2)
    assert queued(store, "q2") == []
    assert found.requeue_all(class_name="Other") == Requeued(requeued=1, skipped=1)
    assert queued(store, "q2") == [b'{"class":"Other","args":[5]}']


def test_again(mixed, found, client):
    """What was retried before goes along if asked for, as in Ruby, but not twice in a second."""
    client.failures.requeue_all()
    (older,) = {entry.retried_at for entry in found.each()}
    assert found.requeue_all(again=True) == Requeued(requeued=6)
    assert found.requeue_all(again=True) == Requeued(skipped=6)
    assert older not in {entry.retried_at for entry in found.each()}
    assert client.size("q1") == 6


def test_one_that_was_retried_before(client, found, save):
    """Who names it means it."""
    save(client, failed_job())
    found.requeue(found.get(0))
    found.requeue(found.get(0))
    assert client.size("q1") == 2
    assert found.get(0).raw.count(b"retried_at") == 1


def test_what_was_no_job(client, found, save, store):
    """It is refused, and stays; the others of the list are requeued."""
    save(client, failed_job(b"no job"), numbered(1), failed_job(b"null"), numbered(2))
    with pytest.raises(NotRequeueableError, match="no job"):
        found.requeue(found.get(0))
    assert found.requeue_all() == Requeued(requeued=2, refused=2)
    assert [entry.is_retried for entry in found.each()] == [False, True, False, True]
    assert len(queued(store, "q1")) == 2


# --- removing


def test_a_removal(mixed, found):
    """It takes one, and says so once."""
    entry = found.get(1, queue="q1")
    assert (found.remove(entry), found.remove(entry)) == (True, False)
    assert numbers(found.each(queue="q1", newest_first=True)) == [4, 0]
    assert numbers(found.each(queue="q2")) == [1, 3, 5]


def test_the_commands_of_a_removal(client, found, save, commands, backend):
    """One script, so that nobody ever sees the mark that it sets."""
    save(client, numbered(0), numbered(1), numbered(2))
    entry = found.get(2)
    heard = commands(lambda: found.remove(entry))
    key, mark = KEYS[backend], heard[1][3]
    assert heard == [
        ["LINDEX", key, "2"],
        ["LSET", key, "2", mark],
        ["LLEN", key],
        ["LREM", key, "-1", mark],
    ]
    assert mark.startswith("removed ")


def test_equal_records_are_removed_one_by_one(client, found, save):
    """A reply that was lost on the way leaves two of a kind."""
    save(client, numbered(1), numbered(1), numbered(2))
    assert found.remove(found.get(1))
    assert numbers(found.each()) == [1, 2]


def test_clearing(mixed, found, client):
    """Everything; what else the namespace has stays."""
    client.enqueue_to("q1", "Ok")
    assert found.clear() == 6
    assert (found.count(), client.size("q1")) == (0, 1)


def test_clearing_a_selection(mixed, found):
    """A queue's, a class's."""
    assert found.clear(queue="q1", class_name="Boom") == 2
    assert found.clear(class_name="Other") == 2
    assert numbers(found.each()) == [1, 3]
    assert (found.clear(queue="q1"), found.clear(queue="q2")) == (0, 2)


def test_clearing_what_was_retried(mixed, found):
    """Only that."""
    found.requeue_all(class_name="Other")
    found.requeue(found.get(0, queue="q1"))
    assert found.clear_retried(queue="q2") == 1
    assert found.clear_retried(class_name="Boom") == 1
    assert found.clear_retried() == 1
    assert numbers(found.each(queue="q1")) == [2]
    assert numbers(found.each(queue="q2")) == [1, 3]


# --- several backends


def test_several_backends(connect, failures, save, store):
    """The first is read, requeued and cleared; a removal takes the copies along."""
    client = connect(multiple("redis", "redis_multi_queue"))
    found = failures(client)
    save(client, *(numbered(number, f"q{number % 2}") for number in range(4)))
    copies = failures(connect("redis_multi_queue"))
    assert (found.count(), copies.count()) == (4, 4)

    assert found.remove(found.get(0))
    found.requeue(found.get(0))
    assert numbers(copies.each(queue="q0")) == [2]
    assert not any(entry.is_retried for entry in copies.each())

    assert found.remove(found.get(0))
    assert numbers(copies.each()) == [2, 3]
    assert (found.clear(), copies.count()) == (2, 2)


def test_a_copy_is_removed_though_the_first_is_gone(connect, failures, save):
    """As far as anything was there, it is removed."""
    client = connect(multiple("redis_multi_queue", "redis"))
    found = failures(client)
    save(client, numbered(0))
    entry = found.get(0)
    found.clear()
    assert failures(connect("redis")).count() == 1
    assert (found.remove(entry), found.remove(entry)) == (True, False)
    assert failures(connect("redis")).count() == 0


def test_a_requeue_of_what_is_gone(client, found, save):
    """Nothing is pushed for it."""
    save(client, failed_job())
    entry = found.get(0)
    found.clear()
    with pytest.raises(FailureGoneError, match=r"number 0 of .*failed was changed or removed"):
        found.requeue(entry)
    assert client.queues() == []
