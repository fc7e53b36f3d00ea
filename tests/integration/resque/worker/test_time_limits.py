"""A job that takes too long: it is ended from outside, and recorded once, with its stack."""

import os
import re
import signal
import time

import pytest

from resque.errors import TermException
from resque.worker import deadline as deadlines

#: So short that the tests are quick, so long that a job has begun by then.
LIMIT = 0.5


def limited(worker):
    """Give a worker's jobs so much time."""
    worker.timeout = LIMIT


def sleep():
    """Wait for longer than any test."""
    time.sleep(600)


def search():
    """Be stuck in C, where no Python handler ever runs."""
    return re.match(r"(a+)+$", "a" * 60 + "b")


def refuse():
    """Have TERM come to nothing, and end well."""
    try:
        time.sleep(600)
    except TermException:
        pass


def refuse_for_good():
    """Not even end."""
    refuse()
    time.sleep(600)


def fall_over():
    """Answer TERM by an error of its own."""
    try:
        time.sleep(600)
    except TermException:
        raise ValueError("cleaning up") from None


def leave_at_term():
    """Have the process end at TERM without a word."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(600)


@pytest.mark.parametrize(
    "perform", [sleep, search, refuse, refuse_for_good, fall_over, leave_at_term]
)
def test_a_job_that_is_stuck(application, start_worker, store, note, perform):
    """However it takes its end: one record, one hook, its own stack, and the worker goes on."""
    job = application.job(queue="q", name="Stuck", timeout=LIMIT)(perform)
    job.on_failure(lambda error: note(type(error).__name__, error))
    next_one = application.job(queue="q", name="Next")(lambda: note("next"))
    job.enqueue()
    next_one.enqueue()
    worker = start_worker("q", interval=0, term_timeout=0.5)
    assert worker.wait() == 0

    (record,) = store.failures()
    error = "took more than 0.5 s (limit of the job)"
    assert (record["exception"], record["error"]) == ("JobTimeout", error)
    frames = [frame for frame in record["backtrace"] if frame.startswith(f"{__file__}:")]
    assert frames[-1].endswith(f":in `{perform.__name__}'")
    assert "performing.py" not in " ".join(record["backtrace"])
    assert record["backtrace"][-1] == frames[-1]
    assert note.lines() == [f"JobTimeout {error}", "next"]
    assert store.stats() == (2, 0)
    warning = "has taken more than 0.5 s (limit of the job), at\n"
    assert worker.log.count(warning) == 1
    assert f'File "{__file__}"' in worker.log.partition(warning)[2]


def test_the_worker_s_limit_is_for_jobs_without_one(application, start_worker, store):
    """The job's own goes before it, also if it is longer."""
    application.job(queue="q", name="Free")(sleep).enqueue()
    done = application.job(queue="q", name="Long", timeout=60)(lambda: time.sleep(2 * LIMIT))
    done.enqueue()
    assert start_worker("q", interval=0, prepare=limited).wait() == 0
    (record,) = store.failures()
    assert record["error"] == "took more than 0.5 s (limit of the worker)"
    assert record["payload"]["class"] == "Free"


def test_a_job_that_is_done_in_time(application, start_worker, store):
    """It is as if there was no limit, whether it fails or not."""

    def fail():
        raise ValueError("in time")

    application.job(queue="q", name="Quick", timeout=60)(lambda: None).enqueue()
    application.job(queue="q", name="Fails", timeout=60)(fail).enqueue()
    worker = start_worker("q", interval=0)
    assert worker.wait() == 0
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == ("ValueError", "in time")
    assert store.stats() == (2, 1)
    assert "has taken more than" not in worker.log


def test_what_follows_a_job_has_time_of_its_own(application, start_worker, store, note):
    """Hooks that end after the limit are let be: the job has failed in time."""

    def fail():
        raise ValueError("in time")

    job = application.job(queue="q", name="J", timeout=LIMIT)(fail)

    @job.on_failure
    def dawdle(error):
        time.sleep(2 * LIMIT)
        note(type(error).__name__)

    job.enqueue()
    assert start_worker("q", interval=0).wait() == 0
    (record,) = store.failures()
    assert record["exception"] == "ValueError"
    assert note.lines() == ["ValueError"]


def test_hooks_that_are_stuck_do_not_hold_the_worker(application, start_worker, store, monkeypatch):
    """They are ended in their turn, and there is a record."""
    monkeypatch.setattr(deadlines, "_REPORT_TIME", LIMIT)

    def fail():
        raise ValueError("in time")

    for name, perform in [("Fails", fail), ("Overruns", sleep)]:
        job = application.job(queue="q", name=name, timeout=LIMIT)(perform)
        job.on_failure(lambda _error: time.sleep(600))
        job.enqueue()
    assert start_worker("q", interval=0, term_timeout=0.2).wait() == 0
    first, second = store.failures()
    assert first["exception"] == "Resque::DirtyExit"
    assert second["exception"] == "JobTimeout"
    assert "on_failure hooks failed" in second["error"]


def test_a_job_that_ends_just_at_its_limit(application, start_worker, store, note):
    """Whoever is first reports it, and nobody else: one record and one hook for each job."""

    def fail_late():
        time.sleep(0.05)
        raise ValueError("late")

    job = application.job(queue="q", name="Late", timeout=0.05)(fail_late)
    job.on_failure(lambda error: note(type(error).__name__))
    for _ in range(15):
        job.enqueue()
    assert start_worker("q", interval=0).wait() == 0
    found = [record["exception"] for record in store.failures()]
    assert len(found) == 15
    assert set(found) <= {"JobTimeout", "ValueError"}
    assert note.lines() == found


def test_a_hook_before_the_job_counts(application, start_worker, store):
    """What is stuck there is ended, too."""
    job = application.job(queue="q", name="J", timeout=LIMIT)(lambda: None)

    @job.before_perform
    def check():
        time.sleep(600)

    job.enqueue()
    assert start_worker("q", interval=0).wait() == 0
    (record,) = store.failures()
    assert record["exception"] == "JobTimeout"
    assert [frame.rpartition("`")[2] for frame in record["backtrace"]][-1].endswith("check'")


def test_a_worker_that_leaves_ends_the_job_first(application, start_worker, store, held_job):
    """Then the limit has nothing to add."""
    application.enqueue_to("q", "Held")
    worker = start_worker("q", prepare=lambda worker: setattr(worker, "timeout", 60))
    held_job.has_begun.wait()
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    (record,) = store.failures()
    assert record["exception"] == "Resque::TermException"


def test_a_job_that_has_put_its_own_files_in_the_place_of_ours(
    application, start_worker, store, tmp_path
):
    """Its stack is written into none of them, whatever their numbers."""
    marks = [tmp_path / f"mark{number}" for number in range(60)]

    def take_all_numbers():
        os.closerange(3, 100)
        files = [mark.open("w") for mark in marks]
        time.sleep(600)
        del files

    application.job(queue="q", name="Greedy", timeout=LIMIT)(take_all_numbers)
    application.enqueue_to("q", "Greedy")
    assert start_worker("q", interval=0).wait() == 0
    assert len(store.failures()) == 1
    assert not [mark for mark in marks if "most recent call" in mark.read_text()]


def test_it_leaves_no_open_files(application, start_worker, store, tmp_path):
    """Neither a job in time nor one that was ended."""
    counts = tmp_path / "counts"
    application.job(queue="q", name="Stuck", timeout=LIMIT)(sleep)
    application.job(queue="q", name="Quick", timeout=60)(lambda: None)

    def note_files(worker):
        def observe():
            with counts.open("a") as file:
                file.write(f"{len(os.listdir('/proc/self/fd'))}\n")

        worker.hooks.before_fork(lambda _job: observe())

    for name in ("Quick", "Quick", "Stuck", "Quick", "Quick"):
        application.enqueue_to("q", name)
    assert start_worker("q", interval=0, prepare=note_files).wait() == 0
    found = counts.read_text().split()
    assert len(found) == 5
    assert len(set(found)) == 1
