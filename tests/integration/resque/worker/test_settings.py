"""What a worker's owner may set."""

import atexit
import os
import signal
import time

import pytest

import resque
from resque.pace import Growth
from tests.support import waiting


def test_a_job_may_end_by_itself_before_term(start_worker, held_job, application, store):
    """pre_shutdown_timeout: no TERM before it is over."""

    def prepare(worker):
        worker.pre_shutdown_timeout = 30.0

    application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=prepare)
    held_job.has_begun.wait()
    worker.signal(signal.SIGTERM)
    worker.assert_stays(0.2)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.failures(), store.stats()) == ([], (1, 0))


def test_after_that_it_gets_term(start_worker, held_job, application, store):
    """And then KILL, if it must be."""

    def prepare(worker):
        worker.pre_shutdown_timeout = 0.2

    application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=prepare)
    held_job.has_begun.wait()
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert 0.2 <= time.monotonic() - began < 3
    assert [f["exception"] for f in store.failures()] == ["Resque::TermException"]


def test_a_graceful_term_finishes_the_job(start_worker, held_job, application, store):
    """As QUIT; INT still ends it."""

    def prepare(worker):
        worker.graceful_term = True

    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=prepare)
    held_job.has_begun.wait()
    worker.signal(signal.SIGTERM)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.failures(), store.size("q")) == ([], 1)

    worker = start_worker("q", prepare=prepare)
    held_job.has_begun.wait()
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0
    assert [f["exception"] for f in store.failures()] == ["Resque::TermException"]


def test_usr1_ends_the_job_only(start_worker, held_job, application, store):
    """The worker goes on to the next one."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0)
    held_job.has_begun.wait()
    worker.signal(signal.SIGUSR1)
    held_job.has_begun.wait()
    assert [f["exception"] for f in store.failures()] == ["Resque::TermException"]
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.stats() == (2, 1)


def test_usr1_without_a_job_ends_none_later(start_worker, held_job, application, store):
    """It is for the job in hand."""
    worker = start_worker("q", interval=0.02)
    worker.wait_until_idle()
    worker.signal(signal.SIGUSR1)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    worker.leave()
    assert (store.failures(), store.stats()) == ([], (1, 0))


@pytest.mark.parametrize("runs", [True, False])
def test_exit_handlers_of_a_jobs_process(start_worker, application, latch, store, *, runs):
    """They run if that is wanted, of the job that failed too."""
    has_run = latch()

    def prepare(worker):
        worker.run_at_exit_hooks = runs

    @application.job(queue="q", name="Exit")
    def perform():
        atexit.register(has_run.open)
        raise ValueError("no good")

    perform.enqueue()
    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    assert has_run.pass_through() is runs
    assert [f["exception"] for f in store.failures()] == ["ValueError"]


def test_pauses_that_grow(start_worker, store):
    """While there is nothing to do it looks less and less often."""

    def prepare(worker):
        worker.growth = Growth(least=0.01, most=600.0, step=500.0)

    worker = start_worker("q", interval=0, prepare=prepare)
    worker.wait_until_idle()  # interval 0 does not make it leave
    worker.leave()
    assert store.traces(worker) == []


def test_the_prefix_of_titles(start_worker, held_job, application):
    """It stands before the worker's and its jobs'."""

    def prepare(worker):
        worker.title_prefix = "blue: "

    worker = start_worker("q", interval=0.02, prepare=prepare)
    waiting.wait_until(
        lambda: worker.title == f"blue: resque-{resque.__version__}: Waiting for q", "the title"
    )
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    assert worker.job.title.startswith(f"blue: resque-{resque.__version__}: Processing q since")
    held_job.may_go_on.open()
    worker.leave()


# --- without forks


def in_process(worker):
    """Have a worker run its jobs itself."""
    worker.fork_per_job = False


def test_jobs_run_in_the_worker_itself(start_worker, application, store):
    """One process for all; what a job changes, the next one sees."""
    pids = []

    @application.job(queue="q", name="Here")
    def perform():
        pids.append(os.getpid())
        if len(pids) == 2:
            raise ValueError(f"{len(set(pids))} {pids[0] == os.getpid()}")

    for _ in range(3):
        perform.enqueue()
    worker = start_worker("q", interval=0, prepare=in_process)
    assert worker.wait() == 0
    assert [(f["exception"], f["error"]) for f in store.failures()] == [("ValueError", "1 True")]
    assert store.stats() == (3, 1)
    assert store.traces(worker) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_in_the_worker_is_interrupted(start_worker, held_job, application, store, number):
    """It is recorded as ended, and the worker leaves."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=in_process)
    held_job.has_begun.wait()
    worker.signal(number)
    assert worker.wait() == 0
    (failure,) = store.failures()
    assert (failure["exception"], failure["error"]) == ("Resque::TermException", number.name)
    assert (store.size("q"), store.traces(worker)) == (1, [])


def test_quit_lets_a_job_in_the_worker_finish(start_worker, held_job, application, store):
    """It leaves then."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=in_process)
    held_job.has_begun.wait()
    worker.signal(signal.SIGQUIT)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.failures(), store.size("q")) == ([], 1)


def test_usr1_ends_a_job_in_the_worker_only(start_worker, held_job, application, store):
    """The worker goes on to the next one."""
    for _ in range(2):
        application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0, prepare=in_process)
    held_job.has_begun.wait()
    worker.signal(signal.SIGUSR1)
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.stats() == (2, 1)


def test_the_heart_beats_while_a_job_runs_in_the_worker(start_worker, held_job, application, store):
    """In a thread, as the worker itself is in the job."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q", interval=0, heartbeat_interval=0.05, prepare=in_process)
    held_job.has_begun.wait()
    store.call("HSET", store.keys.heartbeats, worker.id, "overwritten")
    worker.wait_until(
        lambda: store.call("HGET", store.keys.heartbeats, worker.id) != b"overwritten",
        "another heartbeat",
    )
    held_job.may_go_on.open()
    assert worker.wait() == 0
