"""Jobs that wait for the test, and what they note."""

from dataclasses import dataclass, field

import pytest

from tests.support.latch import Latch


@dataclass(frozen=True, slots=True)
class Held:
    """A job that says that it has begun, and goes on when the test lets it."""

    has_begun: Latch = field(default_factory=Latch)
    may_go_on: Latch = field(default_factory=Latch)

    def perform(self, *_args: object) -> None:
        """Wait for the test."""
        self.has_begun.open()
        self.may_go_on.wait()


@pytest.fixture
def held_job(application):
    """A job of the queue ``q``, class ``Held``, that waits for the test."""
    job = Held()
    application.job(queue="q", name="Held")(job.perform)
    yield job
    for latch in (job.has_begun, job.may_go_on):
        latch.close()


@pytest.fixture
def note(tmp_path):
    """Write a line down, in whatever process; ``note.lines()`` are all of them."""
    file = tmp_path / "notes"

    def write(*words):
        with file.open("a") as notes:
            notes.write(" ".join(map(str, words)) + "\n")

    write.lines = lambda: file.read_text().splitlines() if file.exists() else []
    return write
