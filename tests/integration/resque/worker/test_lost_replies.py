"""A look for a job whose reply never came: taken or not, nothing is lost and nothing runs twice."""

import os
import signal

import pytest

from resque.errors import ServerUnavailable
from resque.store import queues

HELD = b'{"class":"Held","args":[12345678901234567890,[],{}]}'


def lose_a_reply(*, was_sent, number=None):
    """Return what makes a worker's first look fail; it gets the signal ``number`` meanwhile."""

    def prepare(_worker):
        original = queues.Reservation.take

        def reserve(*args, **options):
            queues.Reservation.take = original
            if was_sent:
                assert original(*args, **options) is not None
            if number is not None:
                os.kill(os.getpid(), number)
            raise ServerUnavailable("the server", "lost on purpose", was_sent=was_sent)

        queues.Reservation.take = reserve  # in the worker's process only

    return prepare


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_job_is_worked_once(start_worker, store, held_job, was_sent):
    """Whether or not the server had given it away, the next look returns it."""
    store.push("q", HELD)
    worker = start_worker("q", interval=0, prepare=lose_a_reply(was_sent=was_sent))
    held_job.has_begun.wait()
    assert HELD in store.record(worker)
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert store.stats()[0] == 1
    assert store.failures() == []


@pytest.mark.parametrize(
    ("element", "payload"),
    [
        (b"no json", '"no json"'),
        (b"", '""'),
        (b"[1]", '"[1]"'),
        (b"caf\xe9", '"caf?"'),
        (b'{"class":"Held","args":[NaN]}', '"{\\"class\\":\\"Held\\",\\"args\\":[NaN]}"'),
    ],
)
def test_a_bad_element_is_recorded_once(start_worker, store, held_job, element, payload):
    """One failure record, and the worker goes on."""
    store.push("q", element, HELD)
    worker = start_worker("q", interval=0, prepare=lose_a_reply(was_sent=True))
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    assert worker.wait() == 0
    (record,) = store.failures()
    assert record["exception"] == "Resque::DecodeException"
    assert record["payload"] == payload
    assert store.stats()[0] == 2


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_leave_takes_no_job(start_worker, store, number):
    """Once the server answers again it unregisters, and leaves the jobs to others."""
    store.push("q", HELD)
    prepare = lose_a_reply(was_sent=False, number=number)
    assert start_worker("q", prepare=prepare).wait() == 0
    assert (store.size("q"), store.failures(), store.worker_ids()) == (1, [], [])


@pytest.mark.parametrize("patterns", [["q"], ["*"]])
def test_a_worker_told_to_finish_works_what_it_holds(start_worker, store, held_job, patterns):
    """A job that is in its hands already is finished as QUIT has it."""
    store.push("q", HELD, HELD)
    prepare = lose_a_reply(was_sent=True, number=signal.SIGQUIT)
    worker = start_worker(*patterns, prepare=prepare)
    held_job.has_begun.wait()
    held_job.may_go_on.open()
    assert worker.wait() == 0
    assert (store.size("q"), store.failures(), store.traces(worker)) == (1, [], [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_leave_ends_what_it_holds(start_worker, store, held_job, number):
    """A job that is in its hands already is ended at once and recorded, not forgotten."""
    store.push("q", HELD, HELD)
    worker = start_worker("q", prepare=lose_a_reply(was_sent=True, number=number))
    assert worker.wait(5) == 0
    (record,) = store.failures()
    assert record["exception"] in {"Resque::TermException", "Resque::DirtyExit"}
    assert (store.size("q"), store.traces(worker)) == (1, [])
