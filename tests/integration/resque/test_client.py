"""What a client's calls do and return, on a real server."""

import select
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resque.application import Application
from resque.client import Resque
from resque.errors import (
    DecodeError,
    EncodeError,
    QueueNameError,
    ServerUnavailable,
    UnknownWorkerError,
)
from resque.inspection import Element, Info, WorkerState
from resque.store.address import Address
from resque.store.connection import Connection
from tests.support.json_values import VALUES
from tests.support.server import free_port
from tests.support.waiting import PATIENCE
from tests.support.working import WorkerProcess

on_one_server = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def events():
    """What hooks have noted."""
    return []


@pytest.fixture
def send(application):
    """A job of the queue ``mail``, class ``send``."""

    @application.job(queue="mail", name="send")
    def send(address, subject="hello"): ...

    return send


# --- enqueue hooks, around what the server is told


def test_hooks_around_enqueueing(client, send, events):
    """Before the job is there, and after; both get its arguments."""

    def note(*at):
        return lambda *args: events.append((*at, args, client.size("mail")))

    for kind in ("before_enqueue", "after_enqueue"):
        for name in "ba":
            getattr(send, kind)(note(kind, name))
    assert send.enqueue("x", subject="hi") is True
    assert events == [
        ("before_enqueue", "b", ("x", "hi"), 0),
        ("before_enqueue", "a", ("x", "hi"), 0),
        ("after_enqueue", "b", ("x", "hi"), 1),
        ("after_enqueue", "a", ("x", "hi"), 1),
    ]


def test_a_hook_says_no(client, send, events):
    """The job is not there, all other hooks have run, and no ``after_enqueue`` hook has."""
    send.before_enqueue(lambda *args: events.append("first"))
    send.before_enqueue(lambda *args: False)
    send.before_enqueue(lambda *args: events.append("last"))
    send.after_enqueue(lambda *args: events.append("after"))
    assert send.enqueue("x") is False
    assert client.enqueue(send, "x") is False
    assert client.enqueue_to("high", send, "x") is False
    assert events == ["first", "last"] * 3
    assert client.queues() == []


@pytest.mark.parametrize(("kind", "there"), [("before_enqueue", 0), ("after_enqueue", 1)])
def test_a_hook_that_raises(client, send, kind, there):
    """Its error reaches who enqueues; the job is there if it was then."""

    @getattr(send, kind)
    def fail(*args):
        raise KeyError("hook")

    with pytest.raises(KeyError, match="hook"):
        send.enqueue("x")
    assert client.size("mail") == there


def test_a_hook_may_change_an_argument(client, application):
    """What is pushed is what the hooks have left; what they cannot be given back is refused."""

    @application.job(queue="mail", name="send")
    def send(options): ...

    @send.before_enqueue
    def sign(options):
        options["signed"] = options.get("by", True)

    send.enqueue({"a": 1})
    assert client.peek("mail")[0].value["args"] == [{"a": 1, "signed": True}]
    send.before_enqueue(lambda options: options.update(bad=object()))
    with pytest.raises(EncodeError, match=r'args\[0\]\["bad"\]'):
        send.enqueue({})


def test_hooks_do_not_run_for_what_cannot_be_enqueued(send, events):
    """A lock that a hook takes would stay."""
    send.before_enqueue(lambda *args: events.append(args))
    with pytest.raises(EncodeError, match=r"^args\[0\] is inf"):
        send.enqueue(float("inf"))
    with pytest.raises(EncodeError, match=r"^args\[1\] holds a lone surrogate"):
        send.enqueue("x", "\ud83d")
    assert events == []


def test_raw_pushes_run_no_hooks(client, send, events):
    """Neither does a job that is enqueued by its name."""
    send.before_enqueue(lambda *args: events.append(args))
    client.push("mail", {"class": "send", "args": ["x"]})
    client.enqueue_to("mail", "send", "x")
    assert events == []
    assert {element.raw for element in client.peek("mail", 0, 9)} == {
        b'{"class":"send","args":["x"]}'
    }


def test_many(client, send, events):
    """Hooks run for each, and refused ones are left out; each queue has its order."""
    send.before_enqueue(lambda address, *_: events.append(address) or address != "no")
    send.after_enqueue(lambda address, *_: events.append(f"after {address}"))
    jobs = [
        send.prepare("a"),
        client.prepare_to("high", send, "b"),
        send.prepare("no"),
        client.prepare(send, "c", subject="hi"),
        client.prepare_to("high", "RubyClass", 7),
    ]
    assert client.enqueue_many(job for job in jobs) == 4
    assert events == ["a", "b", "no", "c", "after a", "after b", "after c"]
    queued = {name: sample.elements for name, sample in client.sample_queues().items()}
    assert {n: [e.value["args"] for e in elements] for n, elements in queued.items()} == {
        "mail": [["a"], ["c", "hi"]],
        "high": [["b"], [7]],
    }


# --- taking back


@pytest.fixture
def full(client, send):
    """A queue with several jobs, and what is none."""
    for address in ("a", "b", "a"):
        send.enqueue(address)
    send.enqueue("a", "hi")
    client.enqueue_to("mail", "Other", "a")
    client.push("mail", ["no job"])
    client.enqueue_to("high", send, "a")
    return client


@pytest.mark.parametrize(
    ("args", "removed", "left"),
    [
        (("a",), 2, 4),
        (("a", "hi"), 1, 5),
        (("z",), 0, 6),
        ((), 4, 2),
    ],
)
def test_dequeueing(full, send, args, removed, left):
    """All jobs with exactly these arguments, or all of the class; of its own queue only."""
    assert full.dequeue(send, *args) == removed
    assert (full.size("mail"), full.size("high")) == (left, 1)


def test_dequeueing_binds_keywords(full, send):
    """As enqueueing does."""
    assert full.dequeue(send, subject="hi", address="a") == 1
    with pytest.raises(TypeError):
        full.dequeue(send, "a", topic="hi")


def test_dequeueing_from_another_queue(full, send):
    """By a declared job or a name."""
    assert full.dequeue_from("high", send, "b") == 0
    assert full.dequeue_from("high", send) == 1
    assert full.dequeue_from("mail", "Other", "a") == 1
    assert full.dequeue_from("mail", "send") == 4
    assert full.dequeue_from("nothing", "send") == 0
    with pytest.raises(QueueNameError):
        full.dequeue_from("", "send")


def test_dequeueing_jobs_of_others(client, send, store):
    """By class whatever their bytes; with arguments only if they are ours."""
    node = b'{"class":"send","queue":"mail","args":["a"]}'
    store.push("mail", node, b'{"class":"send"}', b"\xff", b'{"class":7}')
    assert client.dequeue(send, "a") == 0
    assert client.dequeue(send) == 2
    assert client.size("mail") == 2


def test_hooks_around_dequeueing(full, send, events):
    """They get the arguments that were given."""
    send.before_dequeue(lambda *args: events.append(("before", args, full.size("mail"))))
    send.after_dequeue(lambda *args: events.append(("after", args, full.size("mail"))))
    assert full.dequeue(send, "b") == 1
    assert full.dequeue(send) == 3
    assert full.dequeue_from("mail", "Other", "a") == 1
    assert events == [
        ("before", ("b",), 6),
        ("after", ("b",), 5),
        ("before", (), 5),
        ("after", (), 2),
    ]


def test_a_hook_keeps_jobs_in_their_queue(full, send, events):
    """Then nothing is removed, and no ``after_dequeue`` hook runs."""
    send.before_dequeue(lambda *args: False)
    send.after_dequeue(lambda *args: events.append(args))
    assert full.dequeue(send, "a") is None
    assert full.size("mail") == 6
    assert events == []


def test_reserving(full, application, events):
    """The next job, to be performed here."""
    reserved = full.reserve("mail")
    assert (reserved.queue, reserved.payload.class_name, reserved.payload.args) == (
        *("mail", "send"),
        ("a",),
    )
    assert reserved.perform() is True
    assert full.size("mail") == 5
    assert full.reserve("nothing") is None


def test_reserving_what_is_no_job(client, store):
    """It is gone from the queue, but not lost."""
    store.push("q", b"\xff")
    with pytest.raises(DecodeError) as caught:
        client.reserve("q")
    assert caught.value.element == b"\xff"
    assert client.size("q") == 0


# --- queues


@on_one_server
@given(VALUES)
def test_any_item_comes_back(client, value):
    """Pushed and popped as an equal value of the same type, and pushed again as the same bytes."""
    client.push("q", value)
    client.push("q", client.peek("q")[0].value)
    first, second = client.pop("q"), client.pop("q")
    assert repr(first.value) == repr(value)
    assert first.raw == second.raw
    assert client.pop("q") is None


@on_one_server
@given(st.lists(VALUES, min_size=1))
def test_any_job_can_be_taken_back(client, args):
    """By the arguments that the worker would get: their bytes are those of the first."""
    client.enqueue_to("q", "Any", *args)
    held = client.peek("q")[0].payload.args
    assert repr(list(held)) == repr(args)
    assert client.dequeue_from("q", "Any", *held) == 1
    assert client.size("q") == 0


@on_one_server
@given(st.lists(st.binary(min_size=1), min_size=1, max_size=5))
def test_any_bytes_can_be_looked_at(client, store, elements):
    """In a queue of that name, too; nothing is malformed enough to make a call fail."""
    for element in elements:
        store.call("SADD", store.keys.queues, element)
        store.call("RPUSH", store.keys.queue("").encode() + element, element)
    names = client.queues()
    for text in names:
        text.encode()
    assert sorted(client.queue_sizes()) == sorted(set(names))
    samples = client.sample_queues()
    assert {e.raw for s in samples.values() for e in s.elements} >= set(elements)
    assert client.info().queues == len(names)
    assert client.key_names()
    store.call("FLUSHALL")


def test_peeking(client):
    """From the head, or from the end, and never beyond."""
    for number in range(5):
        client.push("q", number)
    peek = {
        at: [element.value for element in client.peek("q", *at)]
        for at in [
            (),
            (1,),
            (9,),
            (-1,),
            (1, 2),
            (3, 9),
            (-2, 2),
            (-2, 9),
            (-9, 2),
            (0, 0),
            (0, -1),
        ]
    }
    assert peek == {
        (): [0],
        (1,): [1],
        (9,): [],
        (-1,): [4],
        (1, 2): [1, 2],
        (3, 9): [3, 4],
        (-2, 2): [3, 4],
        (-2, 9): [3, 4],
        (-9, 2): [],
        (0, 0): [],
        (0, -1): [],
    }


def test_queues(client, store):
    """Their names, sorted; sizes and samples of each; a removed one is forgotten."""
    client.push("b", 1)
    client.push("a", 1)
    client.push("a", 2)
    store.call("SADD", store.keys.queues, "empty", b"\xff")
    store.call("RPUSH", store.keys.queue("").encode() + b"\xff", "x")
    assert client.queues() == ["a", "b", "empty", r"\xff"]
    assert client.queue_sizes() == {"a": 2, "b": 1, "empty": 0, r"\xff": 1}
    assert {name: (s.size, len(s.elements)) for name, s in client.sample_queues(1).items()} == {
        "a": (2, 1),
        "b": (1, 1),
        "empty": (0, 0),
        r"\xff": (1, 1),
    }
    assert client.sample_queues(0)["a"].elements == ()
    assert client.sample_queues(0)["a"].size == 2
    client.remove_queue("a")
    client.remove_queue("never there")
    assert (client.queues(), client.size("a")) == (["b", "empty", r"\xff"], 0)


@pytest.mark.parametrize("queue", ["", " a", "a,b", "!a"])
def test_a_queue_that_no_worker_could_work(client, queue):
    """Nothing is pushed to it."""
    with pytest.raises(QueueNameError):
        client.push(queue, 1)
    assert client.queues() == []


def test_an_item_that_json_cannot_carry(client):
    """The error says where it is."""
    with pytest.raises(EncodeError, match=r'^item\["x"\]\[0\] is nan'):
        client.push("q", {"x": [float("nan")]})


def test_key_names(clean_valkey):
    """Only those of the namespace, which may look like a pattern."""
    for namespace in ("a*b[c]?\\", "axb[c]?\\", "a*b[c]?\\:d"):
        client = Application().connect(clean_valkey.url, namespace)
        client.push("q", 1)
        assert client.key_names() == ["queue:q", "queues"]
        client.close()
    first = Application().connect(clean_valkey.url, "a*b[c]?\\")
    for number in range(2500):
        first.push(f"q{number}", 1)
    names = first.key_names()
    first.close()
    assert len(names) == 2504
    assert names[:3] == ["d:queue:q", "d:queues", "queue:q"]


# --- workers


def test_a_worker_that_lives(client, application, start_worker, latch):
    """What it is, and what it does."""
    has_begun, may_go_on = latch(), latch()

    @application.job(queue="q", name="Held")
    def hold(number):
        has_begun.open()
        may_go_on.wait()

    worker: WorkerProcess = start_worker("q", "low")
    hold.enqueue(1)
    has_begun.wait()
    (info,) = client.working()
    assert [info] == client.workers()
    assert (info.id, info.pid, info.queues) == (worker.id, worker.pid, ("q", "low"))
    assert (info.state, info.job.queue, info.problems) == (WorkerState.WORKING, "q", ())
    assert info.job.element.payload.args == (1,)
    assert abs(info.heartbeat_at - time.time()) < 60
    assert client.info().working == 1
    may_go_on.open()
    worker.leave()
    assert client.workers() == client.working() == []


MALFORMED = [b"py:1", b"py:1:", b"", b"junk", b"h:1-0:q", b"\xff:1:q"]


def test_workers_that_are_malformed(client, store):
    """All are shown, beside one that is well, and so are the sums."""
    store.call("SADD", store.keys.workers, b"h:1:q", *MALFORMED)
    for worker_id in MALFORMED:
        store.call("SET", store.keys.worker("").encode() + worker_id, b"\xffjunk")
        store.call("HSET", store.keys.heartbeats, worker_id, b"no time\xff")
        store.call("SET", store.keys.worker_stat("processed", "").encode() + worker_id, "x")
    store.call("SET", store.keys.worker("h:1:q"), '{"queue":"q","payload":{"class":"Ok"}}')
    store.call("SET", store.keys.stat("processed"), "\x00")
    by_id = {worker.id: worker for worker in client.workers()}
    assert set(by_id) == {"h:1:q", r"\xff:1:q", "py:1", "py:1:", "", "junk", "h:1-0:q"}
    assert [worker.id for worker in by_id.values() if not worker.is_malformed] == ["h:1:q"]
    assert len(client.working()) == 7
    info = client.info()
    assert (info.workers, info.working, info.processed) == (7, 7, 0)


def test_entries_of_another_type(client, store):
    """A key that is no string is as none."""
    store.call("SADD", store.keys.workers, "h:1:q")
    store.call("SADD", store.keys.worker("h:1:q"), "x")
    (worker,) = client.workers()
    assert worker.state is WorkerState.IDLE
    assert client.info().working == 0


def test_forgetting_a_worker(client, store, application):
    """All its entries go, and its job is recorded as failed; its hooks are told."""
    told = []

    @application.job(queue="q", name="Ok")
    def perform(number): ...

    perform.on_failure(lambda error, *args: told.append((str(error), *args)))
    keys = store.keys
    store.call("SADD", keys.workers, "h:1:q", "h:2:q")
    store.call("HSET", keys.heartbeats, "h:1:q", "x", "h:2:q", "x")
    for key in (keys.worker_started, lambda i: keys.worker_stat("failed", i)):
        store.call("SET", key("h:1:q"), "1")
    store.call(
        "SET", keys.worker("h:1:q"), '{"queue":"q","payload":{"class":"Ok","args":[1]},"x":1}'
    )
    client.remove_worker("h:1:q")
    assert client.key_names() == ["failed", "workers", "workers:heartbeat"]
    assert client.worker_ids() == ["h:2:q"]
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == (
        *("Resque::DirtyExit", "Job still being processed"),
    )
    assert record["worker"] == "h:1:q"
    client.remove_worker("h:2:q")
    assert len(store.failures()) == 1
    assert client.key_names() == ["failed"]


def test_its_jobs_hooks_are_told(client, store, application):
    """A hook that raises is in the record, too."""
    told = []

    @application.job(queue="q", name="Ok")
    def perform(number): ...

    @perform.on_failure
    def report(error, *args):
        told.append((type(error).__name__, str(error), *args))
        raise KeyError("hook")

    store.call("SADD", store.keys.workers, "h:1:q")
    record = b'{"queue":"q","run_at":"x","payload":{"class":"Ok","args":[1]}}'
    store.call("SET", store.keys.worker("h:1:q"), record)
    client.remove_worker("h:1:q")
    assert told == [("DirtyExit", "Job still being processed", 1)]
    (failure,) = store.failures()
    assert failure["payload"] == {"class": "Ok", "args": [1]}
    assert failure["error"] == (
        "Job still being processed\nAdditional error (KeyError: 'hook')"
        " occurred in failure hook report"
    )


@pytest.mark.parametrize("worker_id", [b"py:1", b"", b"h\xff:1:q", "h:1:é".encode()])
def test_forgetting_a_malformed_worker(client, store, worker_id):
    """By its id as it is shown."""
    store.call("SADD", store.keys.workers, worker_id)
    store.call("HSET", store.keys.heartbeats, worker_id, "x")
    store.call("SET", store.keys.worker("").encode() + worker_id, b"\xfejunk")
    (worker,) = client.workers()
    client.remove_worker(worker.id)
    assert client.key_names() == ["failed"]
    (record,) = store.failures()
    assert record["worker"] == worker.id
    assert record["payload"] == "\ufffdjunk"


def test_forgetting_nobody(client, store):
    """It is an error, and nothing is touched."""
    store.call("SADD", store.keys.workers, "h:1:q")
    with pytest.raises(UnknownWorkerError, match=r"no worker is registered as 'h:2:q'"):
        client.remove_worker("h:2:q")
    assert client.worker_ids() == ["h:1:q"]


def test_the_sums(client, store, clean_valkey, namespace):
    """As Ruby's ``info`` has them."""
    client.push("a", 1)
    client.push("b", 1)
    client.push("b", 2)
    store.call("SADD", store.keys.workers, "h:1:q", "h:2:q", "h:3:q")
    store.call("SET", store.keys.worker("h:1:q"), '{"queue":"q","payload":{"class":"Ok"}}')
    store.call("SET", store.keys.worker("h:2:q"), "{}")
    store.call("SET", store.keys.stat("processed"), 7)
    store.call("RPUSH", store.keys.failed, "x", "y")
    assert client.info() == Info(
        pending=3,
        processed=7,
        failed=2,
        queues=2,
        workers=3,
        working=1,
        server=clean_valkey.url,
        namespace=namespace,
    )


def test_an_empty_server(client):
    """Nothing there is nothing, for each call."""
    assert client.workers() == client.working() == client.queues() == client.key_names() == []
    assert client.queue_sizes() == client.sample_queues() == {}
    assert client.info().pending == client.info().working == 0
    assert client.pop("q") is None


def test_everything_through_a_client_of_the_users(application, clean_valkey, namespace, send):
    """A redis.Redis gives the same answers as our own connection."""
    redis = pytest.importorskip("redis")
    ours = application.client
    with redis.from_url(clean_valkey.url, decode_responses=True) as user_client:
        theirs = application.connect(user_client, namespace)
        assert theirs.enqueue_many([send.prepare("a"), send.prepare("b")]) == 2
        for look in ("queues", "queue_sizes", "sample_queues", "workers", "key_names"):
            assert getattr(theirs, look)() == getattr(ours, look)()
        assert theirs.info().pending == 2
        assert theirs.info().server == "the server of redis.client.Redis"
        assert theirs.peek("mail", 0, 5) == ours.peek("mail", 0, 5)
        assert theirs.dequeue(send, "a") == 1
        assert theirs.dequeue(send) == 1
    user_client.connection_pool.disconnect()


# --- a server that is away


def test_a_server_that_is_down(application):
    """It is told at once, by its address and without its password."""
    application.connect(f"redis://:secret@127.0.0.1:{free_port()}/0")
    begin = time.monotonic()
    with pytest.raises(ServerUnavailable, match=r"cannot reach redis://127") as caught:
        application.enqueue_to("q", "Ok")
    assert time.monotonic() - begin < 1
    assert caught.value.was_sent is False
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("backlog_is_full", [True, False])
def test_a_server_that_does_not_answer(application, backlog_is_full):
    """Neither its silence nor that of the network before it is waited out."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        if backlog_is_full:
            first.connect(listener.getsockname())
        address = Address.parse(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        connection = Connection(address, connect_timeout=0.2)
        client = Resque(connection, application.registry)
        begin = time.monotonic()
        with pytest.raises(ServerUnavailable, match=r"no answer within 0\.2 s"):
            client.enqueue_to("q", "Ok")
        assert 0.2 <= time.monotonic() - begin < 2
        client.close()


def test_a_server_that_comes_back(client, clean_valkey, store):
    """The next call finds it."""
    client.push("q", 1)
    store.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    # The end of the connection may arrive a moment after that has been answered.
    assert select.select([client.server], [], [], PATIENCE)[0]
    assert client.pop("q") == Element.of(b"1")
