"""What a worker's end is put down to."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from resqued.listener.ends import End, EndKind, end_of
from resqued.listener.process import Process
from resqued.process.reaper import ExitStatus
from resqued.worker.board import JobInHand
from resqued.worker.gate import Gate
from tests.support.clock import HandTurnedClock

LEFT = ExitStatus(4711, 0, None)
KILLED = ExitStatus(4711, None, 9)


@pytest.fixture
def clock() -> HandTurnedClock:
    """Return the listener's."""
    return HandTurnedClock()


@pytest.fixture
def process(clock: HandTurnedClock) -> Iterator[Process]:
    """Return a worker of which nothing is known but its pid."""
    gate, ticket = Gate.pair(clock)
    ticket.close()
    with closing(gate):
        yield Process(4711, gate, clock)


def end(process: Process, status: ExitStatus, *, was_told: bool = False) -> End:
    """Return its end."""
    return end_of(process, status, was_told=was_told, timeout=30.0)


@pytest.mark.parametrize(("status", "kind"), [(LEFT, EndKind.EXITED), (KILLED, EndKind.KILLED)])
def test_of_one_that_has_said_nothing(process: Process, status: ExitStatus, kind: EndKind):
    """Its status is all that there is."""
    assert end(process, status) == End(kind, str(status))


def test_of_one_that_could_not_be_built(process: Process):
    """What it has said tells more than its status."""
    process.failure = "no route"
    assert end(process, ExitStatus(4711, 1, None)) == End(EndKind.START_FAILED, "no route")


def test_of_one_that_has_left_for_a_fresh_one(process: Process):
    """As it has said."""
    process.recycled = "1000 jobs done"
    assert end(process, LEFT) == End(EndKind.RECYCLED, "1000 jobs done")


def test_of_one_that_was_told(process: Process):
    """Whatever it has said, and however it has left."""
    process.recycled, process.failure = "1000 jobs done", "no route"
    assert end(process, KILLED, was_told=True) == End(EndKind.TOLD, "told to leave")


def test_of_one_whose_job_took_too_long(process: Process, clock: HandTurnedClock):
    """Also if it was told to leave beside that."""
    job = JobInHand(1, "Slow", clock.now())
    clock.turn(30)
    for _ in range(2):
        process.overtime.step(job, 30.0, 10.0)
        clock.turn(1)

    reason = "a job took more than 30 s"
    assert end(process, KILLED, was_told=True) == End(EndKind.OVERDUE, reason)
