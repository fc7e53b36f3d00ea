"""A job's hooks in the process of a real worker's job, and what the records say of them."""

import os
import signal

import pytest

import resque


@pytest.fixture
def work_off(application, start_worker):
    """Enqueue a job and have a worker perform it."""

    def run(job, *args):
        job.enqueue(*args)
        assert start_worker("q", interval=0).wait() == 0

    return run


def job_with_hooks(application, note, perform):
    """Return the job ``J``, whose hooks note that they have run."""
    job = application.job(queue="q", name="J")(perform)

    @job.around_perform
    def around(go_on, *args):
        note("around", *args)
        go_on()

    job.before_perform(lambda *args: note("before", *args))
    job.after_perform(lambda *args: note("after", *args))
    job.on_failure(lambda error, *args: note("failure", type(error).__name__, *args))
    return job


def test_a_job_that_is_performed(application, note, work_off, store):
    """All hooks but that of a failure."""
    work_off(job_with_hooks(application, note, lambda *args: note("job", *args)), 7)
    assert note.lines() == ["before 7", "around 7", "job 7", "after 7"]
    assert (store.failures(), store.stats()) == ([], (1, 0))


def test_a_job_that_is_left_out(application, note, work_off, store):
    """It has not failed, and counts as processed."""
    job = job_with_hooks(application, note, lambda *args: note("job", *args))

    @job.before_perform
    def leave_out(*args):
        raise resque.DontPerform

    work_off(job, 7)
    assert note.lines() == ["before 7"]
    assert (store.failures(), store.stats()) == ([], (1, 0))


def test_a_job_that_fails(application, note, work_off, store):
    """One hook is told, once, and the record has the job's own frames."""

    def perform(*args):
        raise ValueError("no")

    work_off(job_with_hooks(application, note, perform), 7)
    assert note.lines() == ["before 7", "around 7", "failure ValueError 7"]
    (record,) = store.failures()
    assert (record["exception"], record["error"]) == ("ValueError", "no")
    (frame,) = record["backtrace"]
    assert frame.startswith(f"{__file__}:")
    assert frame.endswith("perform'")
    assert store.stats() == (1, 1)


def test_a_job_that_is_killed(application, note, work_off, store):
    """Its hook is told of a dirty exit."""

    def perform(*args):
        os.kill(os.getpid(), signal.SIGKILL)

    work_off(job_with_hooks(application, note, perform), 7)
    assert note.lines() == ["before 7", "around 7", "failure DirtyExit 7"]
    (record,) = store.failures()
    assert record["exception"] == "Resque::DirtyExit"
    assert store.stats() == (1, 0)


def test_a_failure_hook_that_raises(application, note, work_off, store):
    """The record keeps the job's error and backtrace, and names the hook's."""

    def perform(*args):
        raise ValueError("no")

    job = job_with_hooks(application, note, perform)

    @job.on_failure
    def report(error, *args):
        raise KeyError("hook")

    job.on_failure(lambda *args: note("never"))
    work_off(job, 7)
    assert note.lines()[-1] == "failure ValueError 7"
    (record,) = store.failures()
    assert record["exception"] == "ValueError"
    assert record["error"].startswith("no")
    assert record["error"].endswith(
        "Additional error (KeyError: 'hook') occurred in failure hook report"
    )
    assert [line.rpartition("`")[2] for line in record["backtrace"]] == [
        "test_a_failure_hook_that_raises.<locals>.perform'"
    ]
