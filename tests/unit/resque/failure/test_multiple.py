import logging

import pytest

from resque.application import Application
from resque.errors import ReplyError, ServerUnavailable, UnknownBackendError, UnreadableBackendError
from resque.failure import (
    FailureBackend,
    Failures,
    MultipleBackend,
    RedisBackend,
    RedisMultiQueueBackend,
    multiple,
)
from tests.support.failures import failed_job

AWAY = ServerUnavailable("redis://a:1", "refused", was_sent=False)


class Reporter:
    """Remembers what it was told, or raises."""

    def __init__(self, error=None):
        self.error = error
        self.saved = []

    def save(self, failed):
        """Remember, or raise."""
        if self.error is not None:
            raise self.error
        self.saved.append(failed)


def connected(*choices):
    """Return the client of an application that saves to all of these."""
    return Application().connect("redis://a:1", "ns", failures=multiple(*choices))


def test_all_are_told():
    """Each gets the same failure."""
    reporters = [Reporter(), Reporter()]
    failed = failed_job()
    connected(*reporters).failure_backend.save(failed)
    assert [reporter.saved for reporter in reporters] == [[failed], [failed]]


def test_an_error_in_one_is_logged(caplog):
    """The others save it nevertheless."""
    reporters = [Reporter(), Reporter(OSError("no route")), Reporter()]
    with caplog.at_level(logging.ERROR, "resque.failure.multiple"):
        MultipleBackend(reporters).save(failed_job())
    assert [len(reporter.saved) for reporter in reporters] == [1, 0, 1]
    (record,) = caplog.records
    assert record.getMessage() == "Reporter cannot save a failure of a job of queue 'q1'"
    assert record.exc_info[0] is OSError


def test_a_failure_that_nobody_has_saved():
    """The first error is the caller's."""
    with pytest.raises(OSError, match="first"):
        MultipleBackend([Reporter(OSError("first")), Reporter(ReplyError("OOM", "x"))]).save(
            failed_job()
        )


def test_a_server_that_is_away():
    """The worker must know, to try again, though another has saved it."""
    other = Reporter()
    with pytest.raises(ServerUnavailable):
        MultipleBackend([Reporter(AWAY), other]).save(failed_job())
    assert len(other.saved) == 1


def test_what_ends_the_process_is_not_kept_from_it():
    """No Exception: it is none of the backend's."""
    with pytest.raises(KeyboardInterrupt):
        MultipleBackend([Reporter(KeyboardInterrupt()), Reporter()]).save(failed_job())


def test_mistakes_are_told_when_connecting():
    """Unknown names, things that are no backend, none at all."""
    for choices, error in ((("nope",), UnknownBackendError), ((7,), TypeError), ((), ValueError)):
        with pytest.raises(error):
            connected(*choices)


def test_the_first_that_keeps_records_is_read():
    """A reporter in front of it is passed over; all others are where copies are."""
    backend = connected(Reporter(), "redis_multi_queue", "redis").failure_backend
    assert [type(one) for one in backend.backends] == [
        Reporter,
        RedisMultiQueueBackend,
        RedisBackend,
    ]
    assert [where.key for where in backend.lists("low")] == ["ns:low_failed"]
    assert [where.key for where in backend.copies("low")] == ["ns:failed"]
    assert backend.retried_at(0).count(" ") == 1


def test_several_within_several():
    """Copies are found however deep they lie."""
    backend = connected("redis", multiple(Reporter(), "redis_multi_queue")).failure_backend
    assert [where.key for where in backend.copies("low")] == ["ns:low_failed"]


def test_reporters_only():
    """There is nothing to read, and that is said."""
    client = connected(Reporter())
    for read in (client.failures.count, client.failure_count, client.failures.clear):
        with pytest.raises(UnreadableBackendError, match="keeps no failure records"):
            read()
    with pytest.raises(UnreadableBackendError, match=r"^Reporter keeps"):
        Failures(client.server, client.keys, Reporter())


def test_a_backend_of_ones_own_needs_one_method():
    """The type checker agrees."""
    backend: FailureBackend = Reporter()
    backend.save(failed_job())
    assert backend.saved
