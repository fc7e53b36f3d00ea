"""What a listener learns of its worker's jobs without a word."""

import os
from math import inf, nan

import pytest

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
    board._words.write(since, length, b"\xff" * 500, 2**63 - 1)
    job = board.read()
    assert job is None or job.since <= 100.0


def test_a_worker_killed_while_it_wrote(board: Board):
    """It may have left a job, and is taken to have."""
    board._words._memory[:8] = b"\x07" * 8
    job = board.read()
    assert job is not None
    assert job.name == ""
