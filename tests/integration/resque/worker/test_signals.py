"""What a worker does when it is told to leave, idle or with a job in hand."""

import os
import signal
import threading
import time
from signal import Signals

import pytest

import resque
from resque.worker.child import JobChild, _run
from resque.worker.liveness import Liveness
from resqued.process.spawn import fork_child
from resqued.process.watch import ProcessWatch
from tests.support import waiting

ENDINGS = [Signals.SIGTERM, Signals.SIGINT]


@pytest.fixture
def rescued(application, latch):
    """A job that takes TERM for an order to clean up; opens the latch ``done`` then."""
    has_begun, done, never = latch(), latch(), latch()

    @application.job(queue="q", name="Rescued")
    def perform():
        try:
            has_begun.open()
            never.wait()
        except resque.TermException as error:
            os.kill(os.getpid(), signal.SIGTERM)  # a second one does nothing
            done.open()
            assert str(error) == "SIGTERM"  # noqa: PT017 - in another process

    perform.has_begun, perform.done = has_begun, done
    return perform


@pytest.fixture
def stubborn(application, latch):
    """A job that does not leave."""
    has_begun, never = latch(), latch()

    @application.job(queue="q", name="Stubborn")
    def perform():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        has_begun.open()
        never.wait()

    perform.has_begun = has_begun
    return perform


def seconds_to_leave(worker, number):
    """Signal a worker that has no reason to stay; return how long it took."""
    began = time.monotonic()
    worker.signal(number)
    assert worker.wait() == 0
    return time.monotonic() - began


@pytest.mark.parametrize("number", [Signals.SIGQUIT, *ENDINGS])
def test_an_idle_worker_leaves_at_once(start_worker, store, number):
    """It does not sleep its interval out, and leaves no trace."""
    worker = start_worker("q", interval=600)
    worker.wait_until_idle()
    assert store.traces(worker) != []
    assert seconds_to_leave(worker, number) < 0.5
    assert store.traces(worker) == []
    assert store.failures() == []


@pytest.mark.parametrize(
    "number", [Signals.SIGHUP, Signals.SIGUSR1, Signals.SIGCONT, Signals.SIGCHLD]
)
def test_other_signals_end_no_worker(start_worker, held_job, application, number):
    """It goes on, and works the next job."""
    worker = start_worker("q", interval=0.02)
    worker.wait_until_idle()
    worker.signal(number)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()


@pytest.mark.parametrize("number", [Signals.SIGQUIT, *ENDINGS])
def test_a_worker_told_to_leave_while_it_registers(start_worker, application, store, number):
    """It takes no job, and unregisters."""

    def prepare(_worker):
        register = Liveness.register

        def register_and_be_told(self):
            register(self)
            os.kill(os.getpid(), number)

        Liveness.register = register_and_be_told  # in the worker's process only

    application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=prepare)
    assert worker.wait() == 0
    assert (store.size("q"), store.failures(), store.traces(worker)) == (1, [], [])


def test_quit_finishes_the_job(start_worker, held_job, application, store):
    """The job in hand ends as it would, the next one stays, then the worker leaves."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q")
    held_job.has_begun.wait()
    job = worker.job
    worker.signal(signal.SIGQUIT)
    worker.signal(signal.SIGQUIT)
    worker.assert_stays(0.2)
    assert job.is_there
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.traces(worker), store.failures(), store.size("q")) == ([], [], 1)
    assert store.stats()[0] == 1


@pytest.mark.parametrize("number", ENDINGS)
def test_a_job_that_does_not_rescue_term(start_worker, held_job, application, store, number):
    """It is recorded as ended by TERM, and the worker leaves."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q")
    held_job.has_begun.wait()
    assert seconds_to_leave(worker, number) < 2
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == ("Resque::TermException", "SIGTERM")
    assert record["payload"] == {"class": "Held", "args": []}
    assert any("in `Held.perform'" in line for line in record["backtrace"])
    assert store.traces(worker) == []
    assert store.stats()[0] == 1
    assert store.stats()[1] == 1


@pytest.mark.parametrize("number", ENDINGS)
def test_a_job_that_rescues_term(start_worker, rescued, store, number):
    """It has succeeded, and the worker leaves."""
    rescued.enqueue()
    worker = start_worker("q")
    rescued.has_begun.wait()
    assert seconds_to_leave(worker, number) < 2
    rescued.done.wait(0)
    assert (store.traces(worker), store.failures()) == ([], [])
    assert store.stats()[0] == 1


def test_a_job_that_ignores_term(start_worker, stubborn, store):
    """It is killed once its time is over, and recorded by the worker."""
    stubborn.enqueue()
    worker = start_worker("q", term_timeout=0.3)
    stubborn.has_begun.wait()
    job = worker.job
    assert 0.3 <= seconds_to_leave(worker, signal.SIGTERM) < 2
    (record,) = store.failures()
    assert record["exception"] == "Resque::DirtyExit"
    assert record["error"] == (
        f"Child process received unhandled signal pid {job.pid} SIGKILL (signal 9)"
    )
    assert store.traces(worker) == []
    assert store.stats()[0] == 1
    assert store.stats()[1] == 0


def test_term_after_quit(start_worker, held_job, application, store):
    """Who was told to finish can still be told to leave now."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q")
    held_job.has_begun.wait()
    worker.signal(signal.SIGQUIT)
    assert seconds_to_leave(worker, signal.SIGTERM) < 2
    assert store.failures()[0]["exception"] == "Resque::TermException"


def test_quit_after_term_takes_nothing_back(start_worker, stubborn, store):
    """The job still has its time only."""
    stubborn.enqueue()
    worker = start_worker("q", term_timeout=0.3)
    stubborn.has_begun.wait()
    worker.signal(signal.SIGTERM)
    assert seconds_to_leave(worker, signal.SIGQUIT) < 2
    assert store.failures()[0]["exception"] == "Resque::DirtyExit"


@pytest.mark.parametrize(
    "number", [Signals.SIGINT, Signals.SIGQUIT, Signals.SIGHUP, Signals.SIGUSR1, Signals.SIGUSR2]
)
def test_a_signal_to_the_job_itself(start_worker, held_job, application, store, number):
    """At a terminal every process gets it: it is the worker's business alone."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0)
    held_job.has_begun.wait()
    os.kill(worker.job.pid, number)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.failures() == []


def test_term_to_the_job_itself(start_worker, held_job, application, store):
    """The job fails, and the worker goes on to the next one."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0)
    held_job.has_begun.wait()
    os.kill(worker.job.pid, signal.SIGTERM)
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert [record["exception"] for record in store.failures()] == ["Resque::TermException"]


def test_no_job_outlives_its_worker(start_worker, held_job, application):
    """When a worker is killed its job ends with it: nobody would record what becomes of it."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q")
    held_job.has_begun.wait()
    job = worker.job
    watch = ProcessWatch(job.pid)
    try:
        assert not watch.has_ended()
        worker.signal(signal.SIGKILL)
        assert worker.wait() is None
        waiting.wait_until(watch.has_ended, "the end of the job")
    finally:
        watch.close()


def test_a_job_whose_worker_dies_before_it_begins(latch):
    """It does not begin: the record of it is for somebody else to find."""
    has_begun = latch()

    def body():
        has_begun.open()
        return 0

    for parent, begins in ((os.getpid(), True), (os.getpid() + 1, False)):
        pid = fork_child(lambda parent=parent: _run(body, parent))
        assert os.waitpid(pid, 0)[1] == 0
        assert has_begun.pass_through() is begins


def test_no_room_for_a_process(start_worker, held_job, application, latch, monkeypatch):
    """A worker whose fork fails tries again, and the job runs once."""
    tries = latch()
    original = JobChild.__init__

    def fail_once(self, *args):
        monkeypatch.undo()
        tries.open()
        assert JobChild.__init__ is original
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(JobChild, "__init__", fail_once)
    application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0)
    tries.wait()
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert worker.log.count("Cannot fork, trying again: ") == 1


@pytest.mark.parametrize("number", ENDINGS)
def test_a_job_is_interrupted_also_where_the_signal_has_missed_its_wait(
    number, application, start_worker, store, latch
):
    """As when it comes just before a system call; here it goes to another thread."""
    has_begun, never = latch(), latch()

    @application.job(queue="q", name="Deaf")
    def perform():
        threading.Thread(target=never.wait, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        has_begun.open()
        never.wait()

    application.enqueue_to("q", "Deaf")
    worker = start_worker("q", term_timeout=waiting.PATIENCE)
    has_begun.wait()
    worker.signal(number)
    assert worker.wait() == 0
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == ("Resque::TermException", "SIGTERM")
