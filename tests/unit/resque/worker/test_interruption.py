"""What a job's process hears of TERM."""

import os
import signal
import threading
import time

import pytest

from resque.errors import TermException
from resque.worker.interruption import EndOfJob, Interruption
from tests.support.forks import in_child

MEANT = (signal.SIGTERM,)


@pytest.fixture
def interruption():
    """The handler of TERM and USR1, for one test; a job has begun."""
    made = Interruption()
    former = {number: signal.signal(number, made) for number in (signal.SIGTERM, signal.SIGUSR1)}
    made.job_begins(MEANT)
    yield made
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.fixture
def end(interruption):
    """The ear of a process whose job is done."""
    interruption.job_is_done()
    return EndOfJob(interruption)


def test_a_sleep_that_nothing_disturbs(end):
    """It lasts as long as it should."""
    began = time.monotonic()
    end.wait(0.25)
    assert time.monotonic() - began >= 0.25
    assert not end.asked


def test_term_ends_a_sleep(end):
    """Which without it would have lasted for long."""
    killer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    killer.start()
    began = time.monotonic()
    end.wait(30)
    killer.join()
    assert time.monotonic() - began < 10
    assert end.asked


def test_term_that_ended_the_job(interruption):
    """Whoever was told once need not be told again: there is no time to sleep."""
    with pytest.raises(TermException):
        signal.raise_signal(signal.SIGTERM)
    interruption.job_is_done()
    end = EndOfJob(interruption)
    began = time.monotonic()
    end.wait(30)
    assert time.monotonic() - began < 10


def test_a_job_is_interrupted_once(interruption):
    """So that it can clean up; and nothing interrupts it that is not meant for it."""
    signal.raise_signal(signal.SIGUSR1)
    with pytest.raises(TermException, match="SIGTERM"):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)


def test_a_job_that_is_done_is_left_alone(interruption):
    """The signal is known all the same."""
    interruption.job_is_done()
    signal.raise_signal(signal.SIGTERM)
    assert interruption.has_come


def test_term_before_the_job(interruption):
    """It does not begin; unless that signal was to end only what was running."""
    interruption.job_is_done()
    signal.raise_signal(signal.SIGUSR1)
    interruption.forget(signal.SIGUSR1)
    interruption.job_begins((signal.SIGTERM, signal.SIGUSR1))
    interruption.job_is_done()
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(TermException, match="SIGTERM"):
        interruption.job_begins(MEANT)


def test_what_came_to_the_worker_is_not_the_job_s(interruption):
    """A forked process begins without it; what comes to itself counts."""
    interruption.job_is_done()
    signal.raise_signal(signal.SIGTERM)

    def body():
        interruption.job_begins(MEANT)
        assert not interruption.has_come
        with pytest.raises(TermException):
            signal.raise_signal(signal.SIGTERM)
        return interruption.has_come

    assert in_child(body)
    assert interruption.has_come
