"""Which side of the fork reports a job."""

import os
from collections.abc import Iterator

import pytest

from resque.errors import JobTimeout
from resque.worker.deadline import Deadline, TimeLimit
from resqued.process import stack
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child


@pytest.fixture
def clock() -> HandTurnedClock:
    """The worker's clock."""
    return HandTurnedClock()


@pytest.fixture
def deadline(clock: HandTurnedClock) -> Iterator[Deadline]:
    """A deadline of 60 s that has begun."""
    made = Deadline(TimeLimit(60.0, "job"), clock)
    made.open()
    yield made
    made.close()


def test_the_time_is_over_first(deadline: Deadline, clock: HandTurnedClock):
    """Then the worker reports, and the process learns that it must not."""
    clock.turn(59)
    assert (deadline.due_in, deadline.has_passed(), deadline.error) == (1, False, None)
    clock.turn(1)
    assert deadline.has_passed()
    assert not in_child(deadline.claim)
    assert str(deadline.error) == "took more than 60 s (limit of the job)"
    assert (deadline.error.seconds, deadline.error.owner) == (60.0, "job")


def test_the_job_is_done_first(deadline: Deadline, clock: HandTurnedClock):
    """Then the process reports, for which it has as long again, and the worker never does."""
    assert in_child(deadline.claim)
    clock.turn(60)
    assert not deadline.has_passed()
    assert deadline.due_in == 60
    clock.turn(60)
    assert deadline.has_passed()
    assert deadline.error is None


def test_a_short_limit_leaves_time_to_report(clock: HandTurnedClock):
    """The server may be slow."""
    deadline = Deadline(TimeLimit(0.1, "worker"), clock)
    deadline.open()
    deadline.claim()
    clock.turn(1)
    assert not deadline.has_passed()
    assert deadline.due_in == 30
    deadline.close()


def test_the_stack_comes_from_the_process(deadline: Deadline):
    """It writes it at the signal, and the worker reads it when it likes."""

    def body() -> None:
        deadline.answer()
        stack.ask(os.getpid())

    in_child(body)
    assert "in body" in deadline.read_stack()


def test_no_room_for_another_open_file(clock: HandTurnedClock, monkeypatch: pytest.MonkeyPatch):
    """Then nothing is left open."""

    def refuse() -> tuple[int, int]:
        raise OSError("no more files")

    monkeypatch.setattr(os, "pipe", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="no more files"):
        Deadline(TimeLimit(1.0, "job"), clock).open()
    assert os.listdir("/proc/self/fd") == before


def test_the_error_tells_what_it_was_made_of():
    """Like any error of the package."""
    error = JobTimeout(1.5, "worker", ("a.py:1:in `f'",))
    assert error.args == (1.5, "worker", ("a.py:1:in `f'",))
    assert str(error) == "took more than 1.5 s (limit of the worker)"
