"""What a listener learns of its worker's jobs without a word."""

import os
from math import inf, nan

import pytest

from resqued.figures import BUCKETS, CUT_OFF, FAILED, PERFORMED
from resqued.worker.board import Board, JobInHand
from tests.support.clock import HandTurnedClock
from tests.support.forks import in_child


@pytest.fixture
def clock() -> HandTurnedClock:
    """The clock of both sides."""
    return HandTurnedClock(100.0)


@pytest.fixture
def board(clock: HandTurnedClock) -> Board:
    """An empty board."""
    return Board(clock)


def test_a_job_is_there_until_it_is_done(board: Board, clock: HandTurnedClock):
    """With its name and its start; the next one, of the same name, is another."""
    assert board.read() is None
    in_child(lambda: board.job_started("A"))
    first = board.read()
    assert first is not None
    assert (first.name, first.since) == ("A", 100.0)
    clock.turn(5)
    in_child(lambda: board.job_started("A"))
    assert board.read() == JobInHand(first.number + 1, "A", 105.0)
    board.job_finished()
    assert board.read() is None


def test_what_a_killed_worker_had_stays(board: Board):
    """Its listener wants to know whether it has left a job."""

    def die() -> None:
        board.job_started("A")
        os._exit(0)

    pid = os.fork()
    if pid == 0:
        die()
    os.waitpid(pid, 0)
    job = board.read()
    assert job is not None
    assert job.name == "A"


@pytest.mark.parametrize("name", ["", "é" * 10_000, "\ud800", "a\0b", "x" * 501])
def test_any_name(board: Board, name: str):
    """It is cut, and never breaks anything."""
    board.job_started(name)
    job = board.read()
    assert job is not None
    assert job.name[:1] == name[:1].replace("\ud800", "?")


@pytest.mark.parametrize("since", [nan, inf, -inf, 1e300])
@pytest.mark.parametrize("length", [-2, -1, 0, 501, 32767])
def test_a_page_that_the_application_has_written_over(board: Board, since: float, length: int):
    """A listener survives whatever its workers do."""
    board._words.write(since, length, b"\xff" * 500, length, b"\xff" * 200)
    job = board.read()
    assert job is None or job.since <= 100.0


def test_a_worker_killed_while_it_wrote(board: Board):
    """It may have left a job, and is taken to have."""
    board._words._memory[:8] = b"\x07" * 8
    job = board.read()
    assert job is not None
    assert job.name == ""


# --- what is counted


def test_each_job_is_counted_once_by_class_queue_and_outcome(board: Board, clock: HandTurnedClock):
    """Whichever process counts it, and however often it is told."""
    board.job_started("A", "mail")
    clock.turn(2)
    in_child(lambda: board.job_ended(PERFORMED))
    board.job_ended(CUT_OFF)
    assert board.read() is not None
    board.job_finished()
    board.job_ended(FAILED)
    (tally,) = board.ledger.read()
    assert (tally.queue, tally.job, tally.seconds) == ("mail", "A", 2.0)
    assert (tally.performed, tally.failed, tally.cut_off) == (1, 0, 0)
    assert tally.runs == tuple(int(limit == 5.0) for limit in BUCKETS)


def test_a_job_that_its_worker_has_died_with_is_cut_off(board: Board):
    """Its listener counts it; unless it had come to its end before."""
    in_child(lambda: board.job_started("A", "mail"))
    board.worker_ended()
    board.worker_ended()
    in_child(lambda: board.job_started("A", "mail"))
    in_child(lambda: board.job_ended(FAILED))
    board.worker_ended()
    (tally,) = board.ledger.read()
    assert (tally.performed, tally.failed, tally.cut_off) == (0, 1, 1)


@pytest.mark.parametrize("since", [nan, inf, -inf, 1e300])
def test_a_page_that_was_written_over_is_counted_all_the_same(board: Board, since: float):
    """As no impossible time."""
    board.ledger.begin("a", "Send")
    board._words.write(since, 1, b"\xff" * 500, 1, b"\xff" * 200)
    board.worker_ended()
    (tally,) = board.ledger.read()
    assert tally.cut_off == 1
    assert 0 <= tally.seconds <= 100
