"""A server that goes away and comes back: the worker stays, and nothing is lost."""

import os
import signal
import time
from dataclasses import dataclass, field

import pytest

from resque.application import Application
from resque.worker import patience, series
from tests.support import waiting
from tests.support.server import DurableServer

OUTAGE = "Trying again until the server is well"
RETURN = "The server is well again"
STAYS = "Staying until the server is well"
#: Seconds, here, for which who has nothing in hand tries on once told to leave.
LAST_TRIES = 0.5


@pytest.fixture
def server():
    """A server of this test's own."""
    with DurableServer() as own:
        yield own


@pytest.fixture
def application(server, namespace):
    """An application with that server."""
    made = Application()
    client = made.connect(server.url, namespace)
    yield made
    client.close()


@pytest.fixture
def results(application, tmp_path):
    """Where jobs of the class ``Note`` leave their argument."""
    file = tmp_path / "results"
    file.touch()

    @application.job(queue="q", name="Note")
    def perform(text):
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, f"{text}\n".encode())
        os.close(descriptor)

    return file


def wait_for_result(worker, results, text):
    """Wait until a job has left its argument."""
    worker.wait_until(lambda: text in results.read_text().split(), f"the job {text}")


def wait_for_log(worker, text, count=1):
    """Wait until the worker has logged something so often."""
    worker.wait_until(lambda: worker.log.count(text) >= count, text)


def outages(worker):
    """Return how often the worker has said that the server is away, and that it is back."""
    return worker.log.count(OUTAGE), worker.log.count(RETURN)


def test_an_idle_worker_waits(server, application, results, start_worker, store):
    """The same process works on when the server is back, and says each outage once."""
    worker = start_worker("q", interval=0.02)
    application.enqueue_to("q", "Note", "before")
    wait_for_result(worker, results, "before")
    for count in (1, 2):
        server.stop()
        wait_for_log(worker, OUTAGE, count)
        server.start()
        application.enqueue_to("q", "Note", f"after-{count}")
        wait_for_result(worker, results, f"after-{count}")
        wait_for_log(worker, RETURN, count)
    assert outages(worker) == (2, 2)
    worker.leave()
    assert store.failures() == []
    assert worker.log.count("WARNING") == 2


def test_a_short_outage_is_not_noticed(server, application, results, start_worker):
    """A server that is back before the worker looks again costs not even a line in the log."""
    worker = start_worker("q", interval=0.02)
    worker.wait_until_idle()
    worker.signal(signal.SIGSTOP)
    server.stop()
    server.start()
    application.enqueue_to("q", "Note", "after")
    worker.signal(signal.SIGCONT)
    wait_for_result(worker, results, "after")
    worker.leave()
    assert outages(worker) == (0, 0)


def test_a_job_outlasts_an_outage(server, held_job, results, application, start_worker, store):
    """It ends during the outage, is counted when the server is back, and the next one follows."""
    application.enqueue_to("q", "Held")
    application.enqueue_to("q", "Note", "next")
    worker = start_worker("q", interval=0.02)
    held_job.has_begun.wait()
    server.stop()
    held_job.may_go_on.open()
    wait_for_log(worker, OUTAGE)
    server.start()
    wait_for_result(worker, results, "next")
    worker.wait_until(lambda: store.stats_of(worker) == (2, 0), "two jobs counted")
    assert outages(worker) == (1, 1)
    worker.leave()


def test_a_job_during_which_the_server_restarts(
    server, held_job, results, application, start_worker, store
):
    """Its record survives with the server, and it is counted once."""
    application.enqueue_to("q", "Held")
    application.enqueue_to("q", "Note", "next")
    worker = start_worker("q", interval=0.02)
    held_job.has_begun.wait()
    server.stop()
    server.start()
    held_job.may_go_on.open()
    wait_for_result(worker, results, "next")
    worker.wait_until(lambda: store.stats_of(worker) == (2, 0), "two jobs counted")
    worker.leave()
    assert store.failures() == []


def test_a_heartbeat_during_an_outage(server, held_job, application, start_worker, store):
    """One that fails is left out without a word, and tried again soon."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0, heartbeat_interval=0.6)
    held_job.has_begun.wait()
    server.stop()
    wait_for_log(worker, "No heartbeat: ")
    began = time.monotonic()
    wait_for_log(worker, "No heartbeat: ", count=3)
    assert time.monotonic() - began < 0.6  # less than one interval
    server.start()
    store.call("HSET", store.keys.heartbeats, worker.id, "overwritten")
    worker.wait_until(
        lambda: store.call("HGET", store.keys.heartbeats, worker.id) != b"overwritten",
        "another heartbeat",
    )
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert outages(worker) == (0, 0)


def test_a_job_that_fails_during_an_outage(server, application, start_worker, latch, store):
    """Its process writes the record as soon as the server is back."""
    has_begun, may_go_on = latch(), latch()

    @application.job(queue="q", name="Fail")
    def perform():
        has_begun.open()
        may_go_on.wait()
        raise ValueError("x")

    perform.enqueue()
    worker = start_worker("q", interval=0.02)
    has_begun.wait()
    server.stop()
    may_go_on.open()
    wait_for_log(worker, OUTAGE)
    server.start()
    worker.wait_until(store.failures, "the failure record")
    worker.leave()
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == ("ValueError", "x")
    assert outages(worker) == (1, 1)
    assert store.traces(worker) == []


def test_a_worker_that_starts_before_its_server(server, application, results, start_worker):
    """It registers and works as soon as the server is there."""
    server.stop()
    worker = start_worker("q", interval=0.02)
    wait_for_log(worker, OUTAGE)
    server.start()
    application.enqueue_to("q", "Note", "x")
    wait_for_result(worker, results, "x")
    assert application.client.worker_ids() == [worker.id]
    worker.leave()


def test_quit_while_the_server_is_away(server, start_worker):
    """It tries for 5 s more, then leaves without a word to the server."""
    worker = start_worker("q", interval=0.02)
    worker.wait_until_idle()
    server.stop()
    wait_for_log(worker, OUTAGE)
    began = time.monotonic()
    worker.signal(signal.SIGQUIT)
    assert worker.wait() == 0
    assert 4.5 < time.monotonic() - began < 7
    assert worker.log.count("Leaving without a word to the server") == 1


def in_a_hurry(**settings):
    """Have a worker give up sooner than it would, in its own process, and set its attributes."""

    def prepare(worker):
        patience.LAST_TRIES = LAST_TRIES
        series.SAVE_FOR = 0.1
        for name, value in settings.items():
            setattr(worker, name, value)

    return prepare


@pytest.fixture
def ending_job(application, latch):
    """A job of the queue ``q``, class ``End``: it waits for the test, and ends as it was told."""
    has_begun, may_go_on = latch(), latch()

    @application.job(queue="q", name="End")
    def perform(way):
        has_begun.open()
        may_go_on.wait()
        if way == "raises":
            raise ValueError("x")
        if way == "exits":
            os._exit(7)
        if way == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)

    perform.has_begun, perform.may_go_on = has_begun, may_go_on
    return perform


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ends, in what worker, and what is written down of it."""

    way: str
    settings: dict[str, object] = field(default_factory=dict)
    exceptions: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "ending",
    [
        Ending("returns"),
        Ending("returns", {"jobs_per_fork": 5}),
        Ending("returns", {"standby": True}),
        Ending("returns", {"fork_per_job": False}),
        Ending("raises", {"fork_per_job": False}, ("ValueError",)),
        Ending("raises", {}, ("Resque::DirtyExit",)),  # its own process has given up
        Ending("exits", {}, ("Resque::DirtyExit",)),
        Ending("is killed", {}, ("Resque::DirtyExit",)),
    ],
    ids=str,
)
def test_quit_with_an_outcome_in_hand(server, application, ending_job, start_worker, store, ending):
    """It stays until it has told the server: whoever found its record would run the job again."""
    application.enqueue_to("q", "End", ending.way)
    worker = start_worker("q", interval=0.02, prepare=in_a_hurry(**ending.settings))
    ending_job.has_begun.wait()
    server.stop()
    worker.signal(signal.SIGQUIT)
    ending_job.may_go_on.open()
    wait_for_log(worker, STAYS)
    worker.assert_stays(4 * LAST_TRIES)  # others have given up by then
    server.start()
    assert worker.wait() == 0
    assert worker.log.count(STAYS) == 1
    assert "Leaving without a word" not in worker.log
    assert tuple(record["exception"] for record in store.failures()) == ending.exceptions
    assert store.traces(worker) == []


def test_a_forced_leaving_with_an_outcome_in_hand(
    server, application, ending_job, start_worker, store
):
    """TERM, after QUIT too, has it leave soon; the job stays in its record."""
    application.enqueue_to("q", "End", "returns")
    worker = start_worker("q", interval=0.02, prepare=in_a_hurry())
    ending_job.has_begun.wait()
    server.stop()
    worker.signal(signal.SIGQUIT)
    ending_job.may_go_on.open()
    wait_for_log(worker, STAYS)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert worker.log.count("Leaving without a word to the server") == 1
    server.start()
    assert store.record(worker) is not None


def test_jobs_enqueued_between_kills_of_the_server(
    server, application, results, start_worker, store
):
    """With a server that is killed again and again, every job that was accepted is worked."""
    worker = start_worker("q", interval=0.02)
    for number in range(40):
        application.enqueue_to("q", "Note", number)
        if number % 10 == 9:
            server.stop()
            server.start()
    worker.wait_until(lambda: store.size("q") == 0, "an empty queue")
    worker.leave()
    assert set(map(int, results.read_text().split())) == set(range(40))


def test_nobody_is_pruned_for_an_outage(server, held_job, application, start_worker, store):
    """Those that could not beat while the server was away are given time, their jobs with them."""
    application.enqueue_to("q", "Held")

    def hasten(worker):
        worker.prune_interval = 3.0  # so long that a busy machine has nobody miss it by itself

    order = {"interval": 0.02, "heartbeat_interval": 1.0, "prepare": hasten}
    busy = start_worker("q", **order)
    held_job.has_begun.wait()
    idle = start_worker("other", **order)
    idle.wait_until_idle()
    server.stop()
    wait_for_log(idle, OUTAGE)
    busy.signal(signal.SIGSTOP)  # slower than the other to come back
    gone_at = time.monotonic()
    waiting.wait_until(lambda: time.monotonic() - gone_at > 5.0, "heartbeats that are too old")
    server.start()
    wait_for_log(idle, RETURN)
    beats = set()  # five of them: more than the two heartbeats' time that others are given at least
    idle.wait_until(
        lambda: beats.add(store.call("HGET", store.keys.heartbeats, idle.id)) or len(beats) == 5,
        "five heartbeats",
    )
    busy.signal(signal.SIGCONT)
    held_job.may_go_on.open()
    busy.leave()
    idle.leave()
    assert store.failures() == []


def test_who_starts_during_an_outage_prunes_nobody(
    server, held_job, application, start_worker, store
):
    """It has met the trouble, too: those that could not beat are given time."""
    application.enqueue_to("q", "Held")

    def hasten(worker):
        worker.prune_interval = 1.0

    busy = start_worker("q", interval=0.02, prepare=hasten)
    held_job.has_begun.wait()
    busy.signal(signal.SIGSTOP)  # slower than the other to come back
    gone_at = time.monotonic()
    store.call("DEL", store.keys.prune_lock)  # as it is after a minute
    server.stop()
    late = start_worker("other", interval=0.02, prepare=hasten)
    wait_for_log(late, OUTAGE)
    waiting.wait_until(lambda: time.monotonic() - gone_at > 2.5, "a heartbeat that is too old")
    server.start()
    late.wait_until_idle()
    late.leave()
    busy.signal(signal.SIGCONT)
    held_job.may_go_on.open()
    busy.leave()
    assert store.failures() == []
