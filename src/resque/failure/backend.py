"""What becomes of a failure: the interface that a failure backend has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from resque.failure.record import Failure, encode
from resque.keys import Keys
from resque.store.server import Server


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job, or an element that was none, and why it failed."""

    queue: str
    element: bytes  #: the payload as it lay in the queue, be it a job or not
    worker_id: str
    failure: Failure
    failed_at: float  #: seconds since 1970
    exception: BaseException | None = None
    """The exception itself, in the process in which it was raised; None where there is none: the
    job's process was killed, or ended by itself, or another worker found the job abandoned."""

    def record(self) -> bytes:
        """Return the record of it that Ruby Resque's dashboard reads."""
        return encode(self.failure, self.element, self.queue, self.worker_id, self.failed_at)


class FailureBackend(Protocol):
    """Takes the failures of all workers of a process; one's own needs this method only."""

    def save(self, failed: FailedJob) -> None:
        """Keep a failure, or tell somebody of it.

        Runs in the job's process for what that reports itself, else in the worker. It does not
        count ``stat:failed``. What it raises is logged; after ServerUnavailable it may be called
        again with the same failure. The worker waits for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class FailureList:
    """A list of records on the server, the oldest first."""

    key: str
    queue: str | None = None  #: the one whose jobs alone are in it; None: any job's


@runtime_checkable
class RecordBackend(FailureBackend, Protocol):
    """A backend whose records lie in lists on the server, where ``Failures`` can reach them."""

    def lists(self, queue: str | None = None) -> Sequence[FailureList]:
        """Return where the records are; with ``queue``, where those of its jobs may be."""
        ...

    def copies(self, queue: str | None) -> Sequence[FailureList]:
        """Return where else the records of a queue's jobs were saved, to be removed there too."""
        ...

    def retried_at(self, now: float) -> str:
        """Return a moment as this backend's records have it."""
        ...


BackendFactory: TypeAlias = Callable[[Server, Keys], FailureBackend]
"""Makes a backend for one server and namespace, such as a backend's class."""

BackendChoice: TypeAlias = str | FailureBackend | BackendFactory
"""How an application names its backend: ``"redis"``, ``"redis_multi_queue"``, or its own."""
