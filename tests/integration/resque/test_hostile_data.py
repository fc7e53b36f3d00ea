"""What somebody who may write to the server can make a worker do (docs/security.md)."""

import pathlib
import signal
import socket
import sys
import threading
import uuid
from dataclasses import replace

import pytest

from resque.client import Resque
from resque.errors import ReplyError
from resque.payload import Payload
from resque.registry import Registry
from resque.store.connection import Connection

HOST = socket.gethostname()

#: Names that would do something if anything looked them up, imported or formatted them.
CLASSES = [
    *("os.system", "builtins.eval", "__import__", "subprocess.Popen", "sys.exit", "planted.run"),
    *("planted", "../planted", "%s%n%(asctime)s", "{0.__class__.__init__.__globals__}", "$(id)"),
    *("\u001b]0;title\u0007", "a\nb", "a\0b", "\u202e", "x" * 100_000),
]


@pytest.fixture
def performed(application, latch):
    """Declare a job that says that the worker has come so far."""
    done = latch()
    application.job(queue="q", name="Last")(done.open)
    return done


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A module that could be imported; return the file that this would leave."""
    (tmp_path / "planted.py").write_text("open('was-imported', 'w')\ndef run(*_): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "was-imported"


@pytest.mark.parametrize("name", CLASSES, ids=lambda name: ascii(name)[:20])
def test_a_class_is_only_ever_one_that_was_declared(
    start_worker, client, store, performed, planted, name
):
    """No name is imported, looked up, or put into a format; the job fails and the next one runs."""
    client.enqueue_to("q", name, f"touch {planted}")
    client.enqueue_to("q", "Last")

    assert start_worker("q", interval=0).wait() == 0

    performed.wait()
    (failure,) = store.failures()
    assert failure["payload"]["class"] == name
    assert failure["exception"] == "resque.errors.UnknownJobError"
    assert not planted.exists()
    assert "planted" not in sys.modules


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(b'{"class":"Last","args":["%s"]}' % (b"x" * 50_000_000), id="50 MB"),
        pytest.param(b'{"class":"Last","args":[%s]}' % (b"9" * 1_000_000), id="a long number"),
        pytest.param(b'{"class":"Last","args":[1e999999999]}', id="a large number"),
        pytest.param(b'{"class":"Last","args":' + b"[" * 1_000_000, id="deep, cut off"),
        pytest.param(
            b'{"class":"Last","args":[%s1e20%s]}' % (b"[" * 500, b"]" * 500), id="deep, with floats"
        ),
        pytest.param(b'{"class":"Last","class":"os.system","args":[1]}', id="two classes"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
    ],
)
def test_no_element_ends_a_worker(start_worker, client, store, performed, element):
    """Whatever it is, it is written down as failed, whole, and the next job runs."""
    store.push("q", element)
    client.enqueue_to("q", "Last")

    assert start_worker("q", interval=0).wait() == 0

    performed.wait()
    assert client.failures.count() == 1
    assert client.failures.get(0).queue == "q"
    assert (store.size("q"), store.worker_ids()) == (0, [])


@pytest.mark.parametrize("pid", ["0", "1", "-1", "+1", " 1", "1-0", "9" * 19, "9" * 5000, "\u0663"])
def test_an_id_of_this_host_with_a_strange_pid(start_worker, store, pid):
    """Pruning signals nobody; it forgets an id of which it knows that nobody has it, no other."""
    worker_id = f"{HOST}:{pid}:q"
    store.call("SADD", store.keys.workers, worker_id)
    got = []
    former = signal.signal(signal.SIGTERM, lambda *_: got.append(1))
    try:
        assert start_worker("q", interval=0).wait() == 0
    finally:
        signal.signal(signal.SIGTERM, former)

    assert got == []
    is_number = pid.isascii() and pid.isdigit() and len(pid) < 20
    assert store.worker_ids() == ([] if is_number else [worker_id])


def test_an_id_that_names_a_thread(start_worker, store):
    """A thread is no worker, and stays alive."""
    may_end = threading.Event()
    thread = threading.Thread(target=may_end.wait)
    thread.start()
    try:
        store.call("SADD", store.keys.workers, f"{HOST}:{thread.native_id}:q")
        assert start_worker("q", interval=0).wait() == 0
        assert store.worker_ids() == []
        assert thread.is_alive()
    finally:
        may_end.set()
        thread.join()


def test_a_heartbeat_of_a_megabyte(start_worker, store):
    """It keeps no pruning worker busy."""
    store.call("HSET", store.keys.heartbeats, "other:1:q", b"jan 1 " * 200_000)
    assert start_worker("q", interval=0).wait() == 0
    assert store.call("HLEN", store.keys.heartbeats) == 1


def test_the_title_of_a_job_with_escapes(start_worker, application, store, tmp_path):
    """Neither ``ps`` nor ``top`` passes on what a name would do to a terminal."""
    queue, name = "q\x1bc\n\u202eq", "C\x9bm\r\x07"

    def show() -> None:
        (tmp_path / "title").write_bytes(pathlib.Path("/proc/self/cmdline").read_bytes())

    application.job(queue="q", name=name)(show)
    store.push(queue, Payload.encode(name, []))

    assert start_worker(queue, interval=0).wait() == 0

    title = (tmp_path / "title").read_text().rstrip("\0")
    assert title.isprintable()
    assert "Processing q?c??q since" in title
    assert title.endswith("[C?m??]")


# --- users of their own


@pytest.fixture
def user(client, store):
    """Make users of the server; return their clients."""
    made = []

    def make(*rules):
        name = f"user-{len(made)}-{uuid.uuid4().hex}"
        store.call("ACL", "SETUSER", name, "on", ">secret", *rules)
        address = replace(client.server.address, username=name, password="secret")
        made.append((name, Resque(Connection(address), Registry(), store.keys.namespace)))
        return made[-1][1]

    yield make
    for name, theirs in made:
        theirs.close()
        store.call("ACL", "DELUSER", name)


def test_a_user_who_may_only_enqueue(user, store):
    """As docs/security.md says: no look at other jobs, none taken away."""
    space = store.keys.namespace
    producer = user(f"~{space}:queues", f"~{space}:queue:*", "+sadd", "+rpush", "+hello")
    producer.enqueue_to("q", "Send", 1)
    assert store.size("q") == 1
    for forbidden in (lambda: producer.size("q"), lambda: producer.pop("q"), producer.workers):
        with pytest.raises(ReplyError, match="NOPERM"):
            forbidden()


def test_a_user_who_may_only_look(user, store):
    """All of the views, and no change."""
    store.push("q", b'{"class":"Send","args":[]}')
    viewer = user(f"~{store.keys.namespace}:*", "+@read", "+@connection")
    assert (viewer.info().pending, viewer.queue_sizes(), viewer.workers()) == (1, {"q": 1}, [])
    assert (viewer.failures.count(), viewer.peek("q")[0].payload.class_name) == (0, "Send")
    with pytest.raises(ReplyError, match="NOPERM"):
        viewer.remove_queue("q")
    assert store.size("q") == 1
