"""What waits for the workers, as values. Every text may come from anybody, and is as it was."""

from dataclasses import dataclass

from resqued.errors import ResquedError


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """A queue."""

    name: str
    depth: int  #: jobs that wait in it
    #: Seconds, at least, for which its first job has waited: since that was first seen there.
    #: None: no job waits.
    head_age: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """A failure record, as far as it can be read."""

    failed_at: str | None
    queue: str | None
    job: str | None
    exception: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What one look has found."""

    server: str  #: its address, without the password
    namespace: str
    queues: tuple[QueueDepth, ...]  #: by name
    failed: int | None  #: failure records in all; None: they are not on this server, or unreadable
    failures: tuple[FailedJob, ...]  #: the newest first, no more than were asked for
    #: Keys that somebody has made of another type than they are to be; nothing is known of these.
    unreadable: tuple[str, ...] = ()


class BacklogError(ResquedError):
    """Raised when nothing can be read: the server is away, refuses, or its address is wrong."""
