"""What is known of a running pool at one moment, as values (docs/control.md).

Times are seconds, as of that moment: what began so long ago, what comes in so long. A newer master
may add fields, which are passed over.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from resqued.errors import ResquedError
from resqued.figures import EndTally, JobTally, ReloadTally
from resqued.typed import from_json

T = TypeVar("T")


class WorkerState(Enum):
    """What is the case in a worker's place."""

    WAITING = "waiting"  #: nobody there; the cap has no room for one, or its listener hangs
    BACKOFF = "backoff"  #: nobody there; the former one has ended early, and the next has to wait
    STARTING = "starting"  #: granted or forked; does not work yet
    READY = "ready"  #: works; what it does is not known
    IDLE = "idle"  #: works, and has no job
    BUSY = "busy"  #: has a job
    LEAVING = "leaving"  #: was told to leave; it may have a job


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """A worker, or a place for one."""

    slot: int  #: its place in its generation, from 0
    pid: int | None
    queues: tuple[str, ...]
    state: str  #: a WorkerState
    age: float | None = None  #: of its process
    job: str | None = None  #: the name of the job in hand
    job_age: float | None = None
    jobs_done: int | None = None  #: by this process; None: not known
    restarts: int | None = None  #: how many workers have ended in this place
    last_end: str | None = None  #: why the last of them has
    backoff: float | None = None  #: until the next is started
    pool: str | None = None  #: the name of its pool; None: it has none, or that is not known
    is_surplus: bool = False  #: whether it is one too many, since its pool was scaled


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """A pool of the config files, by its name."""

    name: str
    size: int  #: how many workers it is to have
    configured: int  #: how many the files say


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """A listener and its workers."""

    number: int
    state: str  #: booting, owner, fallback, superseded, leaving, or orphaned: its listener is dead
    age: float
    listener: int | None  #: its pid
    version: str | None  #: of the resqued that its listener runs; None: not known yet
    app_version: str | None
    configured: int | None  #: workers that its configuration asks for; None: not loaded yet
    is_silent: bool  #: whether its listener has not answered for long
    is_stale: bool  #: whether it did not say now what its workers do
    workers: tuple[WorkerStatus, ...]
    pools: tuple[PoolSize, ...] | None = None  #: None: not known; its listener cannot scale them


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterStatus:
    """The master."""

    pid: int
    version: str
    mode: str  #: working, paused, or stopping
    paths: tuple[str, ...]  #: the config files, as they were named
    folder: str  #: which those are relative to
    pidfile: str | None
    log: str | None  #: None: standard output


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerEnds:
    """Listeners that have ended untold, or could not start and were no reload's."""

    count: int
    generation: int | None  #: of the last
    last_end: str | None  #: how that has ended
    backoff: float  #: until one may be started, were one wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadStatus:
    """A reload."""

    number: int
    generation: int  #: the one that it has started
    outcome: str  #: loading, moving, done, failed, or abandoned
    reason: str | None  #: why it has failed or was abandoned; may be a whole traceback
    age: float  #: since it was asked for
    took: float | None  #: until it has ended; None: it is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """All of it."""

    master: MasterStatus
    generations: tuple[GenerationStatus, ...]  #: the oldest first
    listener_ends: ListenerEnds
    reload: ReloadStatus | None  #: the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """As much as the master knows without asking anybody."""

    mode: str  #: working, paused, or stopping
    generation: int | None  #: the owner's number; None: no generation works
    configured: int | None  #: workers that it asks for
    serving: int  #: workers of all generations that work, those that finish their jobs included


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """What was counted since the pool was started, by ``figures``."""

    jobs: tuple[JobTally, ...]
    ends: tuple[EndTally, ...]  #: of workers
    reloads: tuple[ReloadTally, ...]
    buckets: tuple[float, ...]  #: seconds; the limits of ``runs``, without the last, which has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a reload is, for those who wait for it."""

    reload: ReloadStatus
    configured: int | None  #: workers of the new generation
    ready: int  #: those of them that work
    former: int  #: workers of other generations that are still there


class StatusError(ResquedError):
    """Raised for an answer that this version does not understand."""


def read_pool(content: dict[str, Any]) -> PoolStatus:
    """Return the status that an answer holds, in the client. Raises StatusError."""
    return _read(PoolStatus, content)


def read_health(content: dict[str, Any]) -> Health:
    """Return the health that an answer holds, likewise. Raises StatusError."""
    return _read(Health, content)


def read_figures(content: dict[str, Any]) -> PoolFigures:
    """Return the figures beside a status, likewise. Raises StatusError."""
    return _read(PoolFigures, content.get("figures") or {})


def read_progress(content: dict[str, Any]) -> Progress:
    """Return the progress of a reload, likewise. Raises StatusError."""
    return _read(Progress, content)


def _read(kind: type[T], content: dict[str, Any]) -> T:
    try:
        return from_json(kind, content)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StatusError(
            f"the master answered what this version does not understand: {error!r:.200}"
        ) from error
