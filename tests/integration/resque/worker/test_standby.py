"""A process that is forked ahead, and waits for the next job."""

import os
import signal
import time
from signal import Signals

import pytest

from tests.support.waiting import wait_until

#: Seconds that a job may take.
LIMIT = 0.3


def stands_by(worker):
    """Have a worker keep a process ready."""
    worker.standby = True


@pytest.fixture
def numbered(application, note):
    """A job that notes its argument, its process, and what ps shows for that."""

    @application.job(queue="q", name="Numbered")
    def perform(number):
        note(number, os.getpid())

    return perform


def wait_for_standby(worker, but=None):
    """Return the process that stands by, other than ``but``."""

    def other():
        found = worker.standby
        return found if found is not None and found != but else None

    return wait_until(other, "a process that stands by")


def pids(note):
    """Return the processes of the jobs so far, in their order."""
    return [int(line.split()[1]) for line in note.lines()]


def wait_for_jobs(note, count):
    """Wait until so many jobs have noted themselves, and return their processes."""
    wait_until(lambda: len(note.lines()) >= count, f"{count} jobs")
    return pids(note)


def test_it_is_the_next_jobs_process(numbered, start_worker, store, note):
    """And when that has its job, another stands by; each job has one of its own."""
    worker = start_worker("q", prepare=stands_by)
    first = wait_for_standby(worker)
    numbered.enqueue(1)
    assert wait_for_jobs(note, 1) == [first.pid]
    second = wait_for_standby(worker, but=first)
    numbered.enqueue(2)
    assert wait_for_jobs(note, 2) == [first.pid, second.pid]
    third = wait_for_standby(worker, but=second)
    worker.leave()
    assert not third.is_there
    assert store.stats() == (2, 0)
    assert store.traces(worker) == []


def test_one_after_another(numbered, start_worker, store, note):
    """Also without a pause in between, and none of them is left at the end."""
    for number in range(20):
        numbered.enqueue(number)
    worker = start_worker("q", interval=0, prepare=stands_by)
    assert worker.wait() == 0
    assert [line.split()[0] for line in note.lines()] == [str(number) for number in range(20)]
    assert len(set(pids(note))) == 20
    assert store.stats() == (20, 0)
    assert store.traces(worker) == []


@pytest.mark.parametrize("number", [Signals.SIGKILL, Signals.SIGTERM])
def test_one_that_is_gone_is_no_loss(numbered, start_worker, store, note, number):
    """The job gets another process, and knows nothing of it."""
    worker = start_worker("q", prepare=stands_by)
    gone = wait_for_standby(worker)
    os.kill(gone.pid, number)
    wait_until(lambda: not gone.is_there, "its end")
    numbered.enqueue(1)
    assert wait_for_jobs(note, 1) != [gone.pid]
    wait_for_standby(worker, but=gone)
    worker.leave()
    assert (store.stats(), store.failures()) == ((1, 0), [])


def test_it_ends_with_its_worker(start_worker):
    """However that ends."""
    worker = start_worker("q", prepare=stands_by)
    standby = wait_for_standby(worker)
    worker.signal(Signals.SIGKILL)
    wait_until(lambda: not standby.is_there, "its end")


def test_it_knows_the_worker_hooks(numbered, application, start_worker, note):
    """After the fork, as soon as there is a job for them."""
    hooks = application.worker_hooks
    numbered.enqueue(1)

    def prepare(worker):
        stands_by(worker)
        worker.hooks = hooks
        hooks.after_fork(lambda job: note("after", os.getpid(), job.payload.args[0]))

    worker = start_worker("q", interval=0, prepare=prepare)
    assert worker.wait() == 0
    (after, job) = note.lines()
    assert after == f"after {job.split()[1]} 1"


def test_none_where_a_hook_runs_before_the_fork(numbered, application, start_worker, note):
    """It could change nothing in a process that is there already."""
    hooks = application.worker_hooks

    def prepare(worker):
        stands_by(worker)
        worker.hooks = hooks
        hooks.before_fork(lambda job: note("before", os.getpid(), job.payload.args[0]))

    worker = start_worker("q", prepare=prepare)
    worker.wait_until_idle()
    assert worker.standby is None
    numbered.enqueue(1)
    wait_for_jobs(note, 2)
    assert note.lines()[0] == f"before {worker.pid} 1"
    worker.leave()


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_a_job_that_is_too_large_for_the_pipe(application, start_worker, store, note, size):
    """It is forked as ever; the one that stands by gets the next."""

    @application.job(queue="q", name="Sized")
    def perform(text):
        note(len(text), os.getpid())

    worker = start_worker("q", prepare=stands_by)
    standby = wait_for_standby(worker)
    perform.enqueue("x" * size)
    perform.enqueue("y")
    assert wait_for_jobs(note, 2)[1] == standby.pid
    assert [line.split()[0] for line in note.lines()] == [str(size), "1"]
    worker.leave()
    assert store.stats() == (2, 0)


def test_a_job_of_nearly_that_size(application, start_worker, note):
    """It goes through whole."""

    @application.job(queue="q", name="Sized")
    def perform(text):
        note(len(text), os.getpid())

    worker = start_worker("q", prepare=stands_by)
    standby = wait_for_standby(worker)
    perform.enqueue("x" * 65_000)
    assert wait_for_jobs(note, 1) == [standby.pid]
    assert note.lines()[0].startswith("65000 ")
    worker.leave()


def test_after_a_lost_connection(numbered, start_worker, store, note):
    """What was forked before it would speak over the one that is gone."""
    worker = start_worker("q", prepare=stands_by)
    worker.wait_until_idle()
    outdated = wait_for_standby(worker)
    store.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    numbered.enqueue(1)
    assert wait_for_jobs(note, 1) != [outdated.pid]
    assert not outdated.is_there
    worker.leave()
    assert store.stats() == (1, 0)
    assert store.traces(worker) == []


@pytest.mark.parametrize("owner", ["job", "worker"])
def test_time_limits(application, start_worker, store, owner):
    """Of the job, or of the worker; they are known when the job is."""

    @application.job(queue="q", name="Slow", timeout=LIMIT if owner == "job" else None)
    def slow():
        time.sleep(600)

    def prepare(worker):
        stands_by(worker)
        worker.timeout = LIMIT if owner == "worker" else None

    worker = start_worker("q", prepare=prepare)
    wait_for_standby(worker)
    slow.enqueue()
    wait_until(store.failures, "the record")
    (record,) = store.failures()
    assert (record["exception"], record["payload"]["class"]) == ("JobTimeout", "Slow")
    worker.leave()


@pytest.mark.parametrize("number", [Signals.SIGKILL, Signals.SIGTERM])
@pytest.mark.parametrize("max_deaths", [None, 3])
def test_one_that_ends_before_it_reads_its_order(
    numbered, start_worker, store, note, number, max_deaths
):
    """It is stopped meanwhile. Nothing of the job has begun, so another process has it."""

    def prepare(worker):
        stands_by(worker)
        worker.max_deaths = max_deaths

    worker = start_worker("q", prepare=prepare)
    worker.wait_until_idle()
    first = wait_for_standby(worker)
    os.kill(first.pid, Signals.SIGSTOP)
    numbered.enqueue(1)
    worker.wait_for_title(f"Forked {first.pid} ")
    os.kill(first.pid, number)
    os.kill(first.pid, Signals.SIGCONT)
    (pid,) = wait_for_jobs(note, 1)
    assert pid != first.pid or number is Signals.SIGTERM
    worker.leave()
    assert (store.stats()[0], store.failures()) == (1, [])


def test_memory_that_is_the_workers_own_counts(application, start_worker, note):
    """Although the next job's process has a copy of all of it."""

    @application.job(queue="q", name="Small")
    def small():
        note("done", os.getpid())

    def prepare(worker):
        stands_by(worker)
        worker.max_memory = 30 * 2**20
        worker.ballast = bytearray(os.urandom(2**20)) * 60

    small.enqueue()
    worker = start_worker("q", prepare=prepare)
    assert worker.wait() == 0
    assert "private memory (max_memory)" in worker.log


def test_none_for_jobs_in_the_workers_own_process(numbered, start_worker, note):
    """Nobody would ever use it."""

    def prepare(worker):
        stands_by(worker)
        worker.fork_per_job = False

    worker = start_worker("q", prepare=prepare)
    worker.wait_until_idle()
    assert worker.standby is None
    numbered.enqueue(1)
    assert wait_for_jobs(note, 1) == [worker.pid]
    worker.leave()


def test_none_after_the_last_job(application, numbered, held_job, start_worker):
    """The worker leaves then."""

    def prepare(worker):
        stands_by(worker)
        worker.max_jobs = 1

    worker = start_worker("q", prepare=prepare)
    first = wait_for_standby(worker)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    worker.wait_for_title(f"Forked {first.pid} ")
    assert worker.standby is None
    held_job.may_go_on.open()
    assert worker.wait() == 0


def test_an_idle_worker_replaces_it_at_once(start_worker):
    """So that the job which comes then does not wait either."""
    worker = start_worker("q", prepare=stands_by)
    worker.wait_until_idle()
    first = wait_for_standby(worker)
    os.kill(first.pid, Signals.SIGKILL)
    wait_for_standby(worker, but=first)
    worker.leave()


def test_several_jobs_in_one(numbered, start_worker, store, note):
    """With ``jobs_per_fork`` another one stands by for the next series."""
    for number in range(10):
        numbered.enqueue(number)

    def prepare(worker):
        stands_by(worker)
        worker.jobs_per_fork = 4

    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    found = pids(note)
    assert [found.count(pid) for pid in dict.fromkeys(found)] == [4, 4, 2]
    assert store.stats() == (10, 0)


def test_term_ends_the_job(held_job, application, start_worker, store):
    """In the process that stood by, as in any other; the one that stands by next is gone too."""
    worker = start_worker("q", prepare=stands_by)
    first = wait_for_standby(worker)
    application.enqueue_to("q", "Held")
    held_job.has_begun.wait()
    second = wait_for_standby(worker, but=first)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    (record,) = store.failures()
    assert record["exception"].endswith("TermException")
    assert not first.is_there
    assert not second.is_there
