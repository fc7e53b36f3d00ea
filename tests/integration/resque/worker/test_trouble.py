"""A server in trouble, one way or another: the worker stays, says so once, and loses nothing."""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from resque.client import Resque
from resque.store.address import Address
from resque.store.connection import Connection
from resque.worker import series
from tests.support import waiting
from tests.support.proxy import Proxy
from tests.support.server import ValkeyServer
from tests.support.view import View

OUTAGE = "Trying again until the server is well"
RETURN = "The server is well again"
NOTE = b'{"class":"Note","args":[]}'
FAIL = b'{"class":"Fail","args":[]}'


@dataclass(frozen=True, slots=True)
class Scene:
    """The server, as the test reaches it, and the network between it and the worker."""

    store: View
    proxy: Proxy

    def call(self, *words):
        """Send one command past the proxy."""
        return self.store.call(*words)

    @property
    def tries(self):
        """How often the worker has turned to the server."""
        return len(self.proxy.commands) + self.proxy.refused

    def wait_for_tries(self, count=3):
        """Wait until it has tried so often more."""
        before = self.tries
        waiting.wait_until(lambda: self.tries >= before + count, f"{count} tries")


@dataclass(frozen=True, slots=True)
class Trouble:
    """How it begins and ends."""

    begin: Callable[[Scene], object]
    end: Callable[[Scene], object]
    timeout: float = 5.0  #: seconds for which the worker's connection waits for a reply


def want_a_password(scene):
    """Have the server want one, and forget who is there; the test's own connection stays."""
    scene.call("CONFIG", "SET", "requirepass", "secret")
    scene.call("CLIENT", "KILL", "TYPE", "normal")


def be_short_of_memory(scene):
    """Refuse whatever could need more."""
    scene.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    scene.call("CONFIG", "SET", "maxmemory", "1")


READ_ONLY = Trouble(
    lambda scene: scene.call("REPLICAOF", "127.0.0.1", "1"),
    lambda scene: scene.call("REPLICAOF", "NO", "ONE"),
)
LOCKED = Trouble(want_a_password, lambda scene: scene.call("CONFIG", "SET", "requirepass", ""))
UNREACHABLE = Trouble(lambda scene: scene.proxy.refuse(), lambda scene: scene.proxy.mend())
SLOW = Trouble(lambda scene: scene.proxy.delay(3.0), lambda scene: scene.proxy.mend(), 1.0)
SILENT = Trouble(
    lambda scene: scene.call("CLIENT", "PAUSE", "600000", "WRITE"),
    lambda scene: scene.call("CLIENT", "UNPAUSE"),
    1.0,
)
NO_QUEUE = Trouble(
    lambda scene: scene.call("SET", scene.store.keys.queue("q"), "no list"),
    lambda scene: scene.call("DEL", scene.store.keys.queue("q")),
)
FULL = Trouble(be_short_of_memory, lambda scene: scene.call("CONFIG", "SET", "maxmemory", "0"))
NO_FAILED = Trouble(
    lambda scene: scene.call("SET", scene.store.keys.failed, "no list"),
    lambda scene: scene.call("DEL", scene.store.keys.failed),
)

EVERY = [
    pytest.param(READ_ONLY, id="read-only"),
    pytest.param(LOCKED, id="locked"),
    pytest.param(UNREACHABLE, id="unreachable"),
    pytest.param(SLOW, id="slow"),
    pytest.param(SILENT, id="silent"),
]


@pytest.fixture
def clean_valkey():
    """Not the run's server, but one of this test's own, to be spoilt."""
    with ValkeyServer() as own:
        yield own


@pytest.fixture
def scene(clean_valkey, store):
    """The server with a proxy before it."""
    with Proxy(clean_valkey.port) as proxy:
        yield Scene(store, proxy)


@pytest.fixture
def notes(application, tmp_path):
    """The file to which the job ``Note`` appends its class."""
    file = tmp_path / "notes"
    file.touch()

    @application.job(queue="q", name="Note")
    def perform():
        with file.open("a") as notes:
            notes.write("Note\n")

    return file


class Untold(Connection):
    """As good as a client of the application's: no push messages."""

    def tracking(self, _ignoring=()):
        """Return none."""
        return


@dataclass(frozen=True, slots=True)
class Way:
    """How a worker comes to turn to the server while it is idle."""

    connection: type[Connection]
    order: dict[str, float]  #: what it is told


#: By itself; its heartbeat finds those troubles of which the server says nothing.
TOLD = Way(Connection, {"interval": 60, "heartbeat_interval": 0.2})
POLLING = Way(Untold, {"interval": 0.02})


@pytest.fixture(params=[pytest.param(TOLD, id="told"), pytest.param(POLLING, id="polling")])
def way(request):
    """Each of them."""
    return request.param


@pytest.fixture
def start(application, scene, notes, start_worker, way):
    """Start a worker of ``q`` behind the proxy."""

    def begin(trouble=UNREACHABLE, *queues, **order):
        connection = way.connection(
            Address.parse(scene.proxy.url),
            connect_timeout=trouble.timeout,
            reply_timeout=trouble.timeout,
        )
        client = Resque(connection, application.registry, application.keys.namespace)
        return start_worker(*(queues or ("q",)), client=client, **way.order, **order)

    return begin


@pytest.fixture
def failing(application, latch):
    """The job ``Fail``: it begins, waits for the test, and raises."""
    has_begun, may_go_on = latch(), latch()

    @application.job(queue="q", name="Fail")
    def perform():
        has_begun.open()
        may_go_on.wait()
        raise ValueError("what the job says")

    perform.has_begun, perform.may_go_on = has_begun, may_go_on
    return perform


def wait_for_log(worker, text, count=1):
    """Wait until the worker has logged something so often."""
    worker.wait_until(lambda: worker.log.count(text) >= count, text)


def check_it_told_once(worker):
    """One line when it began, one when it was over, and no other complaint."""
    log = worker.log
    assert (log.count(OUTAGE), log.count(RETURN)) == (1, 1), log
    assert (log.count("WARNING"), log.count("ERROR")) == (1, 0), log


def check_it_works(worker, scene, notes):
    """The same process performs another job, and leaves when it is told to."""
    before = notes.read_text().count("Note")
    scene.store.push("q", NOTE)
    worker.wait_until(lambda: notes.read_text().count("Note") == before + 1, "a job")
    worker.leave()


# --- trouble that lasts


@pytest.mark.parametrize("trouble", [*EVERY, pytest.param(NO_QUEUE, id="no queue")])
def test_an_idle_worker(start, scene, notes, trouble):
    """It tries again and again, and goes on with its work as if nothing had been."""
    worker = start(trouble)
    worker.wait_until_idle()
    trouble.begin(scene)
    wait_for_log(worker, OUTAGE)
    scene.wait_for_tries()
    trouble.end(scene)
    wait_for_log(worker, RETURN)
    check_it_works(worker, scene, notes)
    check_it_told_once(worker)
    assert (scene.store.stats(), scene.store.failures()) == ((1, 0), [])


@pytest.mark.parametrize("trouble", EVERY)
def test_a_job_that_ends_meanwhile(start, scene, notes, held_job, trouble):
    """It is counted when the server is well again, once."""
    scene.store.push("q", b'{"class":"Held","args":[]}')
    worker = start(trouble)
    held_job.has_begun.wait()
    trouble.begin(scene)
    held_job.may_go_on.open()
    wait_for_log(worker, OUTAGE)
    scene.wait_for_tries()
    trouble.end(scene)
    worker.wait_until(lambda: scene.store.stats() == (1, 0), "its count")
    check_it_works(worker, scene, notes)
    check_it_told_once(worker)
    assert (scene.store.stats(), scene.store.failures()) == ((2, 0), [])


@pytest.mark.parametrize(
    "trouble",
    [*EVERY, pytest.param(FULL, id="full"), pytest.param(NO_FAILED, id="no list of failures")],
)
def test_a_job_that_fails_meanwhile(start, scene, notes, failing, trouble):
    """Its process waits until it can write down what the job has raised."""
    scene.store.push("q", FAIL)
    worker = start(trouble)
    failing.has_begun.wait()
    trouble.begin(scene)
    failing.may_go_on.open()
    wait_for_log(worker, OUTAGE)
    scene.wait_for_tries()
    trouble.end(scene)
    worker.wait_until(scene.store.failures, "the failure record")
    check_it_works(worker, scene, notes)
    check_it_told_once(worker)
    records = {(record["exception"], record["error"]) for record in scene.store.failures()}
    assert records == {("ValueError", "what the job says")}


@pytest.mark.parametrize("trouble", [*EVERY, pytest.param(NO_QUEUE, id="no queue")])
def test_workers_told_to_leave(start, scene, trouble):
    """By QUIT or by TERM, they try for 5 s more and go."""
    workers = [start(trouble) for _ in range(2)]
    for worker in workers:
        worker.wait_until_idle()
    trouble.begin(scene)
    for worker in workers:
        wait_for_log(worker, OUTAGE)
    for worker, number in zip(workers, (signal.SIGQUIT, signal.SIGTERM), strict=True):
        worker.signal(number)
    assert [worker.wait(8) for worker in workers] == [0, 0]
    trouble.end(scene)


def test_a_full_server_is_emptied(start, scene, notes):
    """It takes no jobs, but gives away what it has: this is how it gets well."""
    scene.store.push("q", NOTE, NOTE, NOTE)
    FULL.begin(scene)
    worker = start()  # it cannot even register
    wait_for_log(worker, OUTAGE)
    FULL.end(scene)
    worker.wait_until(lambda: notes.read_text().count("Note") == 3, "the jobs")
    scene.store.push("q", *[NOTE] * 50)
    FULL.begin(scene)
    worker.wait_until(lambda: notes.read_text().count("Note") == 53, "more jobs")
    FULL.end(scene)
    worker.leave()
    check_it_told_once(worker)
    assert (scene.store.stats(), scene.store.failures()) == ((53, 0), [])


# --- trouble that passes


def test_scripts_that_are_forgotten(start, scene, notes):
    """The worker sends their text again, and there is nothing to say about it."""
    worker = start()
    for number in range(1, 6):
        scene.call("SCRIPT", "FLUSH")
        scene.store.push("q", NOTE)
        worker.wait_until(lambda n=number: scene.store.stats() == (n, 0), "the job")
    scene.call("SCRIPT", "FLUSH")
    worker.leave()
    assert "WARNING" not in worker.log


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda proxy: proxy.cut_a_reply(0, b"Note"), id="cut before the reply"),
        pytest.param(lambda proxy: proxy.cut_a_reply(25, b"Note"), id="cut in the middle"),
        pytest.param(lambda proxy: proxy.garble_a_reply(b"Note"), id="garbled"),
    ],
)
def test_a_job_whose_coming_is_spoilt(start, scene, notes, spoil):
    """The server has given it away, and gives it again: it is performed once."""
    worker = start()
    worker.wait_until_idle()
    spoil(scene.proxy)
    scene.store.push("q", NOTE)
    wait_for_log(worker, RETURN)
    worker.wait_until(lambda: scene.store.stats() == (1, 0), "the job")
    check_it_works(worker, scene, notes)
    check_it_told_once(worker)
    assert notes.read_text().count("Note") == 2


# --- a failure that cannot be written down, or not be counted


def test_a_failure_that_cannot_be_counted(start, scene, failing):
    """It is not written down again for that: the worker counts it, when the server is well."""
    scene.store.push("q", FAIL)
    worker = start()
    failing.has_begun.wait()
    count = scene.store.keys.worker_stat("processed", worker.id)
    scene.call("DEL", count)
    scene.call("RPUSH", count, "no number")
    failing.may_go_on.open()
    wait_for_log(worker, OUTAGE)
    scene.wait_for_tries()
    scene.call("DEL", count)
    worker.wait_until(lambda: scene.store.stats() == (1, 1), "its count")
    worker.leave()
    check_it_told_once(worker)
    assert [record["exception"] for record in scene.store.failures()] == ["ValueError"]


def give_up_soon(_worker):
    """Have the job's process give up after a second; in the worker's process only."""
    series.SAVE_FOR = 1.0


def test_a_failure_that_waits_for_too_long(start, scene, failing):
    """The worker writes down what it knows, when the server is well; the rest is in the log."""
    scene.store.push("q", FAIL)
    worker = start(prepare=give_up_soon)
    failing.has_begun.wait()
    UNREACHABLE.begin(scene)
    failing.may_go_on.open()
    wait_for_log(worker, OUTAGE, 2)  # the job's process, and the worker
    UNREACHABLE.end(scene)
    worker.wait_until(scene.store.failures, "the failure record")
    worker.leave()
    (record,) = scene.store.failures()
    assert record["exception"] == "Resque::DirtyExit"
    assert "its failure could not be written, see the log" in record["error"]
    assert "ValueError: what the job says" in worker.log
    assert scene.store.traces(worker) == []


def test_a_worker_told_to_leave_while_a_failure_waits(start, scene, failing, start_worker):
    """The job's process gives up at once, the worker soon; the next worker finds the record."""
    scene.store.push("q", FAIL)
    worker = start()
    failing.has_begun.wait()
    UNREACHABLE.begin(scene)
    failing.may_go_on.open()
    wait_for_log(worker, OUTAGE)
    worker.signal(signal.SIGTERM)
    assert worker.wait(8) == 0
    record = json.loads(scene.store.record(worker))
    assert record["payload"]["class"] == "Fail"
    scene.call("DEL", scene.store.keys.prune_lock)
    assert start_worker("q", interval=0).wait() == 0
    (failure,) = scene.store.failures()
    assert failure["worker"] == worker.id
    assert failure["payload"]["class"] == "Fail"
