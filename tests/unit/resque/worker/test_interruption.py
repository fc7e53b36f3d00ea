"""What a job's process hears of TERM."""

import os
import signal
import threading
import time

import pytest

from resque.errors import TermException
from resque.worker.interruption import EndOfJob, interruptible


@pytest.fixture
def interruption():
    """The handler of TERM, for one test."""
    with interruptible([signal.SIGTERM]) as made:
        yield made


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
