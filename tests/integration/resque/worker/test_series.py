"""Several jobs in one forked process (``jobs_per_fork``): as many records, far fewer processes."""

import os
import signal
import time
from itertools import groupby

import pytest

from resque.clock import SystemClock
from resque.errors import ServerUnavailable
from resque.worker.runner import JobRunner
from tests.support.waiting import wait_until

LIMIT = 0.5


def series_of(count):
    """Prepare a worker whose processes do so many jobs."""

    def prepare(worker):
        worker.jobs_per_fork = count

    return prepare


@pytest.fixture
def numbered(application, note):
    """A job that notes its argument and its process."""

    @application.job(queue="q", name="Numbered")
    def perform(number):
        note(number, os.getpid())

    perform.lines = note.lines
    perform.enqueue_all = lambda count: [perform.enqueue(number) for number in range(count)]
    return perform


def processes(note):
    """Return how many jobs each process has done, in their order, and the jobs' numbers."""
    lines = [line.split() for line in note.lines()]
    counts = [len(list(group)) for _, group in groupby(lines, key=lambda line: line[1])]
    return counts, [int(number) for number, _ in lines]


def test_jobs_share_a_process(numbered, start_worker, store, note):
    """Up to so many, in the order of the queue, each finished and counted."""
    numbered.enqueue_all(10)
    worker = start_worker("q", interval=0, prepare=series_of(4))
    assert worker.wait() == 0
    assert processes(note) == ([4, 4, 2], list(range(10)))
    assert store.stats() == (10, 0)
    assert store.traces(worker) == []


def test_a_wildcard(numbered, application, start_worker, note):
    """The process looks at the queues as its worker would."""
    application.enqueue_to("another", "Numbered", 2)
    numbered.enqueue_all(2)
    assert start_worker("q*", "*", interval=0, prepare=series_of(9)).wait() == 0
    assert processes(note) == ([3], [0, 1, 2])


def test_worker_hooks_run_once_for_each_process(numbered, application, start_worker, note):
    """With its first job."""
    hooks = application.worker_hooks
    numbered.enqueue_all(4)

    def prepare(worker):
        worker.hooks = hooks
        worker.jobs_per_fork = 2
        hooks.before_fork(lambda job: note("before", job.payload.args[0]))
        hooks.after_fork(lambda job: note("after", job.payload.args[0]))

    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    said = [line for line in note.lines() if line.startswith(("before", "after"))]
    assert said == ["before 0", "after 0", "before 2", "after 2"]


class TurnedClock(SystemClock):
    """A clock that jobs turn on, each in its own process."""

    turned = 0.0

    def now(self):
        """Return the system's time, and what was turned."""
        return super().now() + self.turned


def test_seconds(application, start_worker, note):
    """A process goes on for so long, however many jobs that are; what has begun is finished."""
    clock = TurnedClock()

    @application.job(queue="q", name="Slow")
    def perform(number):
        clock.turned += 100
        note(number, os.getpid())

    def prepare(worker):
        worker.clock = clock
        worker.seconds_per_fork = 150

    for number in range(4):
        perform.enqueue(number)
    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    assert processes(note) == ([2, 2], [0, 1, 2, 3])


def test_a_job_that_fails(numbered, application, start_worker, store, note):
    """It is recorded, and the process goes on."""

    @application.job(queue="q", name="Fails")
    def perform():
        raise ValueError("x")

    numbered.enqueue(0)
    perform.enqueue()
    numbered.enqueue(1)
    assert start_worker("q", interval=0, prepare=series_of(9)).wait() == 0
    assert processes(note) == ([2], [0, 1])
    (record,) = store.failures()
    assert (record["exception"], record["payload"]["class"]) == ("ValueError", "Fails")
    assert store.stats() == (3, 1)


def end_early():
    """End the process in the middle of a job."""
    os._exit(3)


def die():
    """Be killed in the middle of a job."""
    os.kill(os.getpid(), signal.SIGKILL)


DEATHS = {"exit status 3": end_early, "SIGKILL": die}


@pytest.mark.parametrize("error", DEATHS)
def test_only_the_job_in_hand_fails(numbered, application, start_worker, store, note, error):
    """Of a process that dies; the next job has another one."""
    application.job(queue="q", name="Ends")(DEATHS[error])
    numbered.enqueue_all(2)
    application.enqueue_to("q", "Ends")
    numbered.enqueue(2)
    worker = start_worker("q", interval=0, prepare=series_of(9))
    assert worker.wait() == 0
    assert processes(note) == ([2, 1], [0, 1, 2])
    (record,) = store.failures()
    assert (record["exception"], record["payload"]["class"]) == ("Resque::DirtyExit", "Ends")
    assert error in record["error"]
    assert store.stats()[0] == 4
    assert store.traces(worker) == []


def test_a_job_that_is_killed_and_put_back(application, start_worker, store, note):
    """Where the worker's pool wants that: the one in hand, and no other."""

    @application.job(queue="q", name="Once")
    def perform(number):
        note(number, os.getpid())
        if number == 1 and len(note.lines()) == 2:
            die()

    def prepare(worker):
        worker.jobs_per_fork = 9
        worker.max_deaths = 3

    for number in range(3):
        perform.enqueue(number)
    assert start_worker("q", interval=0, prepare=prepare).wait() == 0
    assert processes(note) == ([2, 2], [0, 1, 1, 2])
    assert store.failures() == []


def test_an_element_that_is_no_job(numbered, start_worker, store, note):
    """The worker sees to it itself; the jobs behind it have another process."""
    numbered.enqueue(0)
    store.push("q", b"no json")
    numbered.enqueue(1)
    assert start_worker("q", interval=0, prepare=series_of(9)).wait() == 0
    assert processes(note) == ([1, 1], [0, 1])
    (record,) = store.failures()
    assert record["exception"] == "Resque::DecodeException"
    assert store.stats() == (3, 1)


def test_a_reply_that_is_lost(numbered, start_worker, store, note):
    """A job that the process has got without learning of it is performed, once."""

    def prepare(worker):
        worker.jobs_per_fork = 3
        original = JobRunner.next_job

        def lose(self, done):
            original(self, done)
            raise ServerUnavailable("the server", "as the test wants it", was_sent=True)

        JobRunner.next_job = lose  # in the worker's process only

    numbered.enqueue_all(4)
    worker = start_worker("q", interval=0, prepare=prepare)
    assert worker.wait() == 0
    assert processes(note) == ([1, 1, 1, 1], [0, 1, 2, 3])
    assert store.stats() == (4, 0)
    assert store.failures() == []
    assert store.traces(worker) == []


def test_each_job_has_its_own_time(application, start_worker, store, note):
    """Together they may take longer than each of them."""

    @application.job(queue="q", name="Slow", timeout=LIMIT)
    def perform(number):
        time.sleep(LIMIT / 2)
        note(number, os.getpid())

    for number in range(5):
        perform.enqueue(number)
    worker = start_worker("q", interval=0, prepare=series_of(9))
    assert worker.wait() == 0
    assert processes(note) == ([5], list(range(5)))
    assert store.failures() == []


def test_a_job_that_takes_too_long(numbered, application, start_worker, store, note):
    """It is ended and recorded with its own stack; those before it had no limit at all."""

    @application.job(queue="q", name="Stuck", timeout=LIMIT)
    def perform():
        time.sleep(600)

    numbered.enqueue_all(3)
    perform.enqueue()
    numbered.enqueue(3)
    worker = start_worker("q", interval=0, term_timeout=0.5, prepare=series_of(9))
    assert worker.wait() == 0
    (record,) = store.failures()
    assert (record["exception"], record["payload"]["class"]) == ("JobTimeout", "Stuck")
    assert any(frame.endswith("in `perform'") for frame in record["backtrace"])
    assert processes(note) == ([3, 1], [0, 1, 2, 3])
    assert store.stats() == (5, 0)


@pytest.fixture
def in_second_job(numbered, application, held_job, start_worker):
    """A worker in the second job of its process; another one waits in the queue."""
    numbered.enqueue(0)
    application.enqueue_to("q", "Held")
    numbered.enqueue(1)
    worker = start_worker("q", interval=0.02, prepare=series_of(9))
    held_job.has_begun.wait()
    return worker


def test_quit(in_second_job, held_job, store):
    """The job in hand is finished, and no other begun."""
    in_second_job.signal(signal.SIGQUIT)
    wait_until_told(in_second_job)
    held_job.may_go_on.open()
    assert in_second_job.wait() == 0
    assert (store.stats(), store.size("q")) == ((2, 0), 1)


def test_term(in_second_job, store):
    """The job in hand is ended, and recorded as failed."""
    in_second_job.signal(signal.SIGTERM)
    assert in_second_job.wait() == 0
    (record,) = store.failures()
    assert (record["exception"], record["payload"]["class"]) == ("Resque::TermException", "Held")
    assert (store.stats(), store.size("q")) == ((2, 1), 1)


def test_usr1_is_for_the_job_in_hand_alone(numbered, application, held_job, start_worker, store):
    """Also if that ends by itself, within the time it gets: the next has another process."""

    def prepare(worker):
        worker.jobs_per_fork = 9
        worker.pre_shutdown_timeout = 30.0

    application.enqueue_to("q", "Held")
    numbered.enqueue_all(2)
    worker = start_worker("q", interval=0, prepare=prepare)
    held_job.has_begun.wait()
    first = worker.job.pid
    worker.signal(signal.SIGUSR1)
    wait_until_told(worker)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.stats(), store.failures()) == ((3, 0), [])
    assert str(first) not in {line.split()[1] for line in numbered.lines()}


def test_pause(in_second_job, held_job, store):
    """The job in hand is the last one until CONT."""
    in_second_job.signal(signal.SIGUSR2)
    wait_until_told(in_second_job)
    held_job.may_go_on.open()
    in_second_job.wait_for_title("Paused")
    assert (store.stats(), store.size("q")) == ((2, 0), 1)
    in_second_job.signal(signal.SIGCONT)
    in_second_job.wait_until(lambda: store.stats() == (3, 0), "the last job")
    in_second_job.leave()


def wait_until_told(worker):
    """Wait until a worker has read the signals that it got: its pipe is empty, and it sleeps."""
    wait_until(lambda: _pending(worker.pid) == 0, "a worker that has taken its signals in")


def _pending(pid):
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["ShdPnd"].strip(), 16) | (fields["State"].split()[0] != "S")


def test_titles(in_second_job, held_job):
    """Each job's process shows the job in hand."""
    assert in_second_job.job.title.endswith(" [Held]")
    in_second_job.wait_for_title(f"Forked {in_second_job.job.pid} at ")
    held_job.may_go_on.open()


def test_max_jobs_counts_each(numbered, start_worker, note):
    """A worker leaves after its own number of jobs, not of processes."""

    def prepare(worker):
        worker.jobs_per_fork = 2
        worker.max_jobs = 3

    numbered.enqueue_all(5)
    worker = start_worker("q", interval=0.02, prepare=prepare)
    assert worker.wait() == 0
    assert processes(note) == ([2, 1], [0, 1, 2])
    assert "leaves for a fresh one: 3 jobs done" in worker.log


def fork_and_come_back():
    """Have both processes come back from the job."""
    os.fork()


@pytest.mark.parametrize("count", [1, 9])
def test_a_job_that_comes_back_twice(numbered, application, start_worker, store, note, count):
    """Only the process that the worker has forked reports it, and takes others."""
    application.job(queue="q", name="Forks")(fork_and_come_back)
    application.enqueue_to("q", "Forks")
    numbered.enqueue_all(4)
    worker = start_worker("q", interval=0, prepare=series_of(count))
    assert worker.wait() == 0
    assert processes(note)[1] == [0, 1, 2, 3]
    assert (store.stats(), store.failures()) == ((5, 0), [])


def test_a_job_that_comes_back_twice_in_the_worker_itself(
    numbered, application, start_worker, store, note
):
    """There is one worker after it, as before."""

    def prepare(worker):
        worker.fork_per_job = False

    application.job(queue="q", name="Forks")(fork_and_come_back)
    application.enqueue_to("q", "Forks")
    numbered.enqueue_all(4)
    worker = start_worker("q", interval=0, prepare=prepare)
    assert worker.wait() == 0
    assert processes(note) == ([4], [0, 1, 2, 3])
    assert (store.stats(), store.failures()) == ((5, 0), [])


def test_a_job_that_closes_what_is_not_its_own(numbered, application, start_worker, store, note):
    """It has succeeded, with a time limit, too; the next has another process."""
    application.job(queue="q", name="Closes", timeout=60)(lambda: os.closerange(3, 1000))
    numbered.enqueue(0)
    application.enqueue_to("q", "Closes")
    numbered.enqueue(1)
    assert start_worker("q", interval=0, prepare=series_of(9)).wait() == 0
    assert processes(note) == ([1, 1], [0, 1])
    assert (store.stats(), store.failures()) == ((3, 0), [])
