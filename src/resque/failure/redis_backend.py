"""The backend that Ruby Resque has by default: all records in one list, ``failed``."""

from collections.abc import Sequence

from resque import times
from resque.failure.backend import FailedJob, FailureList
from resque.keys import Keys
from resque.store import failures
from resque.store.server import Server


class RedisBackend:
    """Appends each record to ``failed``."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    def save(self, failed: FailedJob) -> None:
        """Append the record; after a lost reply and another try it may be there twice."""
        failures.append(self._server, self._keys.failed, failed.record())

    def lists(self, queue: str | None = None) -> Sequence[FailureList]:  # noqa: ARG002 - all lie here
        """Return the one list."""
        return [FailureList(self._keys.failed)]

    def copies(self, queue: str | None) -> Sequence[FailureList]:  # noqa: ARG002 - as above
        """Return none."""
        return []

    def retried_at(self, now: float) -> str:
        """Return a moment in the format of ``failed_at``."""
        return times.failed_at(now)
