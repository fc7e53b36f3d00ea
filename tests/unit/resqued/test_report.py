"""A worker's reports reach its listener from wherever in its process they come."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from resqued import report


class Board:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def job_started(self, name: str, queue: str) -> None:
        """Remember a job."""
        self.told.append(f"{name} of {queue}")

    def job_ended(self, outcome: str) -> None:
        """Remember how it ended."""
        self.told.append(outcome)

    def job_finished(self) -> None:
        """Remember that there is none."""
        self.told.append("none")


class Listening:
    """The way to a listener that is not there."""

    def __init__(self) -> None:
        self.board = Board()

    def say(self, what: str, *texts: str) -> None:
        """Remember it."""
        self.board.told.append(" ".join((what, *texts)))


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What is reported in this process meanwhile."""
    listening = Listening()
    report.connect(listening)
    yield listening.board.told
    report.connect(None)


def a_job() -> None:
    """Report one, from its beginning to its end."""
    report.job_started("Send", "mail")
    report.job_finished(failed=True)


def by_another_thread() -> None:
    """As in a worker that has one for its jobs."""
    thread = threading.Thread(target=a_job)
    thread.start()
    thread.join()


def by_a_loop() -> None:
    """As in a worker whose jobs are coroutines, or run beside them."""

    async def work() -> None:
        await asyncio.to_thread(a_job)

    asyncio.run(work())


@pytest.mark.parametrize("how", [a_job, by_another_thread, by_a_loop])
def test_a_job(told: list[str], how: Callable[[], None]):
    """Of the worker's own thread, or of another."""
    how()
    assert told == ["Send of mail", "failed", "none"]


def test_nobody_listens():
    """What is reported then is lost."""
    a_job()
    report.known_as("me")


def test_nobody_listens_any_more(told: list[str]):
    """Likewise."""
    report.work_begun()
    report.connect(None)
    report.recycled("old")
    assert told == ["working"]
