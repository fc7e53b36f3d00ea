"""The backend that Ruby Resque calls redis_multi_queue: a list of failures for each queue."""

from collections.abc import Sequence

from resque import times
from resque.failure.backend import FailedJob, FailureList
from resque.failure.record import clean
from resque.keys import Keys
from resque.store import failures
from resque.store.server import Server


class RedisMultiQueueBackend:
    """Appends each record to ``<queue>_failed``, and names that list in ``failed_queues``."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    def save(self, failed: FailedJob) -> None:
        """Append the record; after a lost reply and another try it may be there twice."""
        queue = clean(failed.queue)
        failures.append_to_queue(self._server, self._keys, queue, failed.record())

    def lists(self, queue: str | None = None) -> Sequence[FailureList]:
        """Return the lists of all queues that ever had one, by name; or that of one queue."""
        names = failures.queues(self._server, self._keys) if queue is None else [queue]
        return [FailureList(self._keys.failed_queue(name), name) for name in names]

    def copies(self, queue: str | None) -> Sequence[FailureList]:  # noqa: ARG002 - there are none
        """Return none."""
        return []

    def retried_at(self, now: float) -> str:
        """Return a moment without its zone: Ruby leaves it out in these lists."""
        return times.retried_at_without_zone(now)
