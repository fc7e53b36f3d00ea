"""An idle worker begins a job as soon as somebody has pushed it, however long its interval is."""

import re
import shutil
import signal
import time

import pytest

from resque.application import Application
from resque.client import Resque
from resque.errors import ServerUnavailable
from resque.store.address import Address
from resque.store.connection import Connection
from resque.store.script import Script
from resque.worker import vigil
from resqued.process.baton import Batons
from tests.support import waiting
from tests.support.monitor import Monitor
from tests.support.sentinel import ReplicatedService
from tests.support.server import ValkeyServer
from tests.support.tls_proxy import TlsProxy, make_certificate

#: Seconds within which a job must begin on a busy machine; far less than any interval here.
SOON = 5.0
JOB = b'{"class":"Note","args":[]}'


def note():
    """End at once; what is looked at is the server's count of it."""


@pytest.fixture(autouse=True)
def _job(application):
    application.job(queue="q", name="Note")(note)


@pytest.fixture
def push(store):
    """Push as anybody does, without a word to the set of queues; wait for the job to be done."""

    def run(worker=None, queue="q"):
        before = store.stats()[0]
        began = time.monotonic()
        store.call("RPUSH", store.keys.queue(queue), JOB)
        explain = str if worker is None else lambda: worker.log
        waiting.wait_until(lambda: store.stats()[0] == before + 1, "the job", explain=explain)
        assert time.monotonic() - began < SOON

    return run


def in_process(worker):
    """Perform the jobs in the worker's own process."""
    worker.fork_per_job = False


@pytest.mark.parametrize("prepare", [in_process, lambda _worker: None], ids=["here", "fork"])
def test_a_push_by_anyone(start_worker, push, prepare):
    """One job after another, with pauses in between or not."""
    worker = start_worker("high", "q", prepare=prepare)
    worker.wait_until_idle()
    for _ in range(3):
        push(worker)
    worker.leave()


def test_a_push_before_it_has_gone_idle(start_worker, push):
    """Nothing falls between its last look and its sleep."""
    worker = start_worker("q")
    for _ in range(30):
        push(worker)
    worker.leave()


def test_a_queue_that_did_not_exist(start_worker, application, store):
    """A worker of patterns learns of it."""
    worker = start_worker("*", "!other")
    worker.wait_until_idle()
    for number, queue in enumerate(("new", "newer", "new"), 1):
        application.enqueue_to(queue, "Note")
        worker.wait_until(lambda n=number: store.stats() == (n, 0), "the job")
    worker.leave()


def connections_of(store, worker):
    """Return the ids of a worker's connections."""
    clients = store.call("CLIENT", "LIST").decode()
    assert worker.pid  # they are all of it but ours
    own = store.call("CLIENT", "ID")
    return [n for n in map(int, re.findall(r"(?:^|\n)id=(\d+)", clients)) if n != own]


def test_a_connection_that_is_killed(start_worker, store, push):
    """The worker notices at once, and is told of jobs again."""
    worker = start_worker("q")
    worker.wait_until_idle()
    for _ in range(3):
        for number in connections_of(store, worker):
            store.call("CLIENT", "KILL", "ID", number)
        push(worker)
    worker.leave()


def test_a_tls_connection(application, clean_valkey, start_worker, namespace, push, tmp_path):
    """What TLS has decrypted already is not missed."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command, which makes the certificate, is missing")
    certificate = make_certificate(tmp_path, "localhost")
    with TlsProxy(*certificate, clean_valkey.port) as proxy:
        url = f"rediss://localhost:{proxy.port}?ssl_ca_certs={certificate[0]}"
        client = Resque(Connection(Address.parse(url)), application.registry, namespace)
        worker = start_worker("q", client=client)
        worker.wait_until_idle()
        for _ in range(5):
            push(worker)
        worker.leave()


def test_the_pause_key(start_worker, store, push):
    """The worker sees it set, and removed, without looking in between."""
    worker = start_worker("q")
    worker.wait_until_idle()
    store.call("SET", store.keys.pause, "true")
    worker.wait_for_title("Paused")
    store.call("RPUSH", store.keys.queue("q"), JOB)
    store.call("SET", store.keys.pause, "TRUE")
    worker.wait_for_title("Paused")
    assert store.size("q") == 1
    store.call("DEL", store.keys.pause)
    worker.wait_until(lambda: store.stats() == (1, 0), "the job")
    worker.wait_until_idle()
    push(worker)
    worker.leave()


def test_a_pause_by_signal(start_worker, push, store):
    """Jobs wait for CONT, and not for longer."""
    worker = start_worker("q")
    worker.wait_until_idle()
    worker.signal(signal.SIGUSR2)
    worker.wait_for_title("Paused")
    store.call("RPUSH", store.keys.queue("q"), JOB)
    worker.signal(signal.SIGCONT)
    worker.wait_until(lambda: store.stats() == (1, 0), "the job")
    push(worker)
    worker.leave()


@pytest.mark.parametrize("prepare", [in_process, lambda _worker: None], ids=["here", "fork"])
def test_heartbeats_do_not_get_in_the_way(start_worker, push, prepare):
    """Those of a worker that runs its jobs itself are another thread's."""
    worker = start_worker("q", heartbeat_interval=0.01, prepare=prepare)
    worker.wait_until_idle()
    for _ in range(50):
        push(worker)
    worker.leave()


def looks(store):
    """Return how often a script was run."""
    return int(re.search(rb"cmdstat_evalsha:calls=(\d+)", store.call("INFO", "commandstats"))[1])


def test_a_look_for_safety(start_worker, store, monkeypatch):
    """Whoever is not told looks all the same, after a while."""
    monkeypatch.setattr(vigil, "SAFETY_LOOK", 0.05)
    worker = start_worker("q")
    worker.wait_until_idle()
    before = looks(store)
    worker.wait_until(lambda: looks(store) > before + 2, "three looks")
    worker.leave()


def test_what_it_says_for_one_job(clean_valkey, start_worker, store):
    """It takes it, finishes it, looks for another, and asks to be told of the next."""
    for name in ("claim", "register", "reserve", "finish"):
        store.call("SCRIPT", "LOAD", Script.load(name).source)
    worker = start_worker("q")
    worker.wait_until(lambda: b" flags=t" in store.call("CLIENT", "LIST"), "the watch")
    before = looks(store)
    with Monitor(clean_valkey.port) as monitor:
        store.call("RPUSH", store.keys.queue("q"), JOB)
        worker.wait_until(lambda: looks(store) == before + 4, "a job, and its end")
        store.call("ECHO", "the end")
        said = [words for words in monitor.read_until("the end") if words[0] != "lua"]
    ours = {"RPUSH", "INFO"}
    caching, look = ["CLIENT", "CACHING", "YES"], "EVALSHA"
    shown = [words if words[0] == "CLIENT" else words[0] for words in said if words[0] not in ours]
    assert shown == [caching, look, "EVALSHA", look, caching, look]


# --- where nobody tells


def test_a_user_who_may_not_be_told(application, clean_valkey, store, start_worker, namespace):
    """It looks at each interval, and says so."""
    store.call("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-client|tracking")
    url = f"redis://few:pw@127.0.0.1:{clean_valkey.port}"
    client = Resque(Connection(Address.parse(url)), application.registry, namespace)
    try:
        worker = start_worker("q", client=client, interval=0.02)
        worker.wait_until_idle()
        for number in range(1, 4):
            store.call("RPUSH", store.keys.queue("q"), JOB)
            worker.wait_until(lambda n=number: store.stats() == (n, 0), "the job")
        worker.leave()
    finally:
        store.call("ACL", "DELUSER", "few")
    assert worker.log.count("The server does not tell of new jobs") == 1


class Cut(Connection):
    """Something on the way that knows no CLIENT TRACKING, and closes the connection."""

    def call_behind(self, _prelude, _command):
        """Lose it."""
        self.close()
        raise ServerUnavailable(str(self.address), "cut off", was_sent=True)


def test_something_on_the_way_that_does_not_bear_to_be_asked(
    application, clean_valkey, store, start_worker, namespace
):
    """The worker goes on all the same, by its interval."""
    connection = Cut(Address.parse(clean_valkey.url))
    client = Resque(connection, application.registry, namespace)
    worker = start_worker("q", client=client, interval=0.02)
    for number in range(1, 4):
        worker.wait_until_idle()
        store.call("RPUSH", store.keys.queue("q"), JOB)
        worker.wait_until(lambda n=number: store.stats() == (n, 0), "the job")
    worker.leave()


def test_a_client_of_the_application(application, clean_valkey, start_worker, store, namespace):
    """It gets no push messages, so the interval counts."""
    redis = pytest.importorskip("redis")
    made = Application()
    made.job(queue="q", name="Note")(note)
    with redis.Redis(port=clean_valkey.port) as theirs:
        client = made.connect(theirs, namespace)
        worker = start_worker("q", client=client, interval=0.02)
        worker.wait_until_idle()
        for number in range(1, 4):
            application.enqueue_to("q", "Note")
            worker.wait_until(lambda n=number: store.stats() == (n, 0), "the job")
        worker.leave()


# --- several workers


@pytest.fixture
def start_team(start_worker):
    """Start workers that share a baton, and wait until all are idle."""
    batons = []

    def start(*queues, count=3, group=None, **order):
        batons.append(Batons([group or queues] * 2))
        shared = batons[-1]

        def share(worker):
            worker.baton = shared.keep(group or queues)

        team = [start_worker(*queues, prepare=share, **order) for _ in range(count)]
        for worker in team:
            worker.wait_until_idle()
        return team

    yield start
    for one in batons:
        one.close()


def test_one_watches_for_all(start_team, store, push):
    """Only one of them is told of a job; whoever has it may be killed, and another takes over."""
    team = start_team("q", interval=0.2)  # nobody here tells of its end
    for _ in range(10):
        push()
    for worker in team[:2]:
        worker.signal(signal.SIGKILL)
        worker.wait()
        push(team[2])
    team[2].leave()
    assert store.failures() == []


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGQUIT])
def test_who_pauses_or_leaves_hands_the_watch_on(start_team, push, number):
    """Whichever it is; the others do not have to find out by themselves."""
    team = start_team("q", interval=600)
    for worker in team[:2]:
        worker.signal(number)
        if number is signal.SIGQUIT:
            assert worker.wait() == 0
        else:
            worker.wait_for_title("Paused")
        push()
    team[2].leave()


def test_several_jobs_at_once(start_team, held_job, store):
    """Each of the idle workers takes one."""
    team = start_team("q", interval=600)
    store.call("RPUSH", store.keys.queue("q"), *[b'{"class":"Held","args":[]}'] * 3)
    for _ in team:
        held_job.has_begun.wait()
    for _ in team:
        held_job.may_go_on.open()
    waiting.wait_until(lambda: store.stats() == (3, 0), "three jobs")
    for worker in team:
        worker.leave()


def test_the_pause_key_and_a_team(start_team, store, push):
    """All of them are told of its end."""
    team = start_team("q", interval=600)
    store.call("SET", store.keys.pause, "true")
    for worker in team:
        worker.wait_for_title("Paused")
    store.call("DEL", store.keys.pause)
    for worker in team:
        worker.wait_until_idle()
    for _ in range(3):
        push()
    for worker in team:
        worker.leave()


def test_the_baton_of_others(start_team, push):
    """A worker that was made for other queues than were configured watches for itself."""
    team = start_team("q", group=("other",), interval=600)
    for worker in team[:2]:
        push()
        worker.leave()
    push()
    team[2].leave()


# --- servers that go away


def test_a_server_that_restarts(start_worker, store, application, clean_valkey, namespace):
    """The worker is told by the next one as it was by the last."""
    with ValkeyServer() as own:
        made = Application()
        made.job(queue="q", name="Note")(note)
        client = made.connect(own.url, namespace)
        worker = start_worker("q", client=client)
        worker.wait_until_idle()
        for number in range(1, 4):
            own.stop()
            own.start()
            client.server.call("RPUSH", client.keys.queue("q"), JOB)
            key = client.keys.stat("processed")
            worker.wait_until(lambda k=key: client.server.call("GET", k) == b"1", f"job {number}")
        worker.leave()
        client.close()


def test_a_failover(start_worker, namespace):
    """The worker finds the new primary, and is told there."""
    with ReplicatedService().running() as service:
        made = Application()
        made.job(queue="q", name="Note")(note)
        client = made.connect(service.url, namespace)
        worker = start_worker("q", client=client)
        worker.wait_until_idle()
        service.wait_until_replicated()
        service.primary.stop()
        service.wait_until_promoted()
        worker.wait_until(lambda: "The server is well again" in worker.log, "the new primary")
        worker.wait_until_idle()
        began = time.monotonic()
        client.server.call("RPUSH", client.keys.queue("q"), JOB)
        key = client.keys.stat("processed")
        worker.wait_until(lambda: client.server.call("GET", key) == b"1", "the job")
        assert time.monotonic() - began < SOON
        worker.leave()
        client.close()
