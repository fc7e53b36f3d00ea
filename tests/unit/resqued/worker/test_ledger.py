"""What a worker has done, as its listener reads it."""

import pytest

from resqued.figures import CUT_OFF, FAILED, OTHERS, PERFORMED, JobTally, bucket_of
from resqued.worker.ledger import Ledger
from tests.support.forks import in_child


def counts(book: Ledger) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return the outcomes of each kind."""
    return {(t.queue, t.job): (t.performed, t.failed, t.cut_off) for t in book.read()}


def test_it_adds_up_by_queue_and_class():
    """Nothing is there that was never counted."""
    book = Ledger()
    assert book.read() == ()
    for outcome in (PERFORMED, PERFORMED, FAILED):
        book.end("a", "Send", outcome, 0.25)
    book.end("b", "Send", CUT_OFF, 100.0)
    assert counts(book) == {("a", "Send"): (2, 1, 0), ("b", "Send"): (0, 0, 1)}
    first = book.read()[0]
    assert first.seconds == 0.75
    assert (first.runs[bucket_of(0.25)], sum(first.runs)) == (3, 3)


def test_an_outcome_that_is_none():
    """It is an error, and nothing is counted; nor in part."""
    book = Ledger()
    book.begin("a", "Send")
    with pytest.raises(ValueError, match="done"):
        book.end("a", "Send", "done", 0.25)
    assert (book.read(), book.is_even) == ((), False)
    book.end("a", "Send", PERFORMED, 0.25)
    assert counts(book) == {("a", "Send"): (1, 0, 0)}


def test_processes_of_jobs_add_to_the_same_rows():
    """One after another, each with what it inherited of the rows at its fork."""
    book = Ledger()
    for _ in range(3):
        in_child(lambda: book.end("a", "New", PERFORMED, 1.0))
        book.end("b", "Own", PERFORMED, 1.0)
        book.end("a", "New", FAILED, 1.0)
    assert counts(book) == {("a", "New"): (3, 3, 0), ("b", "Own"): (3, 0, 0)}


def test_a_process_of_a_job_finds_what_its_worker_has_found():
    """It would have to look again, each of them; a row that nothing is counted in is not shown."""
    book = Ledger()
    book.begin("a", "New")
    assert in_child(lambda: list(book._known)) == [("a", "New")]
    assert counts(book) == {}
    in_child(lambda: book.end("a", "New", PERFORMED, 1.0))
    assert counts(book) == {("a", "New"): (1, 0, 0)}


def test_what_there_is_no_room_for_is_counted_together():
    """Who pushes jobs may invent classes without end: no memory grows, and none is lost."""
    book = Ledger()
    for number in range(1000):
        book.end("a", f"Job{number}", PERFORMED, 0.0)
    found = counts(book)
    assert len(found) == 64
    assert sum(performed for performed, _, _ in found.values()) == 1000
    assert found[OTHERS, OTHERS] == (1000 - 63, 0, 0)
    assert len(book._known) == 63


@pytest.mark.parametrize("name", ["", "é" * 10_000, "\ud800", "a\0b", "x" * 501])
def test_any_name(name: str):
    """It is cut, and counted under the same name again."""
    book = Ledger()
    for _ in range(2):
        book.end(name, name, PERFORMED, 1.0)
    (tally,) = book.read()
    assert tally.performed == 2


def test_memory_that_the_application_has_written_over():
    """It shows some numbers; nothing breaks."""
    book = Ledger()
    book.end("a", "A", PERFORMED, 1.0)
    for noise in (b"\xff", b"\x7f", b"\x80", b"\x01"):
        book._memory[:] = noise * len(book._memory)
        for tally in book.read():
            assert isinstance(tally, JobTally)
            assert min(tally.performed, *tally.runs) >= 0
            assert tally.seconds >= 0
