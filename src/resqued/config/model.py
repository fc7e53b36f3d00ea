"""The frozen result of reading the config files; everything after is computed from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from resqued.config.hooks import Hook

#: Seconds between two looks for work, unless ``interval=`` says otherwise.
DEFAULT_INTERVAL: Final = 5.0
#: Seconds from TERM or INT to KILL, unless a file says otherwise.
DEFAULT_STOP_TIMEOUT: Final = 15.0

#: How many workers a job that is put back may take along, unless ``max_deaths=`` says otherwise.
DEFAULT_MAX_DEATHS: Final = 3
#: What becomes of the job of a worker that dies: it is recorded as failed, or put back.
DeathPolicy: TypeAlias = Literal["fail", "requeue"]

#: Builds the object whose ``work(interval)`` a worker process calls, from the queues' names.
WorkerFactory: TypeAlias = Callable[[list[str]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """What a worker and its jobs may take, and in which processes; None: as the worker has it.

    The fields are called as the attributes that they set on a worker which has them.
    """

    timeout: float | None = None  #: seconds for one job
    jobs_per_fork: int | None = None  #: so many jobs share a forked process, one after another
    seconds_per_fork: float | None = None  #: ... or those of so many seconds
    standby: bool | None = None  #: whether the next job's process is forked ahead
    max_jobs: int | None = None  #: then the worker leaves for a fresh one
    max_age: float | None = None  #: seconds; the same
    max_memory: int | None = None  #: bytes of private memory; the same


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """One worker process as configured."""

    queues: tuple[str, ...]  #: in order of priority, already shuffled where that was asked for
    interval: float  #: seconds, passed to the worker's ``work``
    pool: str | None  #: the name of its pool; None for a ``worker()``
    on_worker_death: DeathPolicy = "fail"  #: what becomes of its job, should it die
    max_deaths: int = DEFAULT_MAX_DEATHS  #: so many workers killed, a job is not put back again
    limits: WorkerLimits = WorkerLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """One queue of a pool and how many of its workers serve it; all, if neither is set."""

    name: str
    count: int | None = None  #: at most this many
    percent: int | None = None  #: this share, rounded down, but at least one


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """One ``worker_pool`` with the ``queue`` calls that belong to it."""

    name: str
    size: int  #: 0 is an emptied pool
    interval: float
    shuffle_queues: bool = False
    on_worker_death: DeathPolicy = "fail"
    max_deaths: int = DEFAULT_MAX_DEATHS
    limits: WorkerLimits = WorkerLimits()
    queues: tuple[QueueSpec, ...] = ()  #: in the order of the calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The hooks of each kind, in the order in which the files define them."""

    before_fork: tuple[Hook, ...] = ()  #: in the listener, once, before any worker
    after_fork: tuple[Hook, ...] = ()  #: in each worker, before it works
    after_exit: tuple[Hook, ...] = ()  #: in the listener, after each worker's exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What all config files together ask for."""

    paths: tuple[str, ...]  #: the files as found, in order
    workers: tuple[WorkerSpec, ...]  #: single workers first, then the pools', each in order
    hooks: Hooks
    pools: tuple[PoolSpec, ...] = ()  #: what those of the pools were expanded from
    worker_factory: WorkerFactory | None = None  #: None is the default Resque worker
    boot_timeout: float | None = None  #: seconds; None leaves it to the command line
    stop_timeout: float = DEFAULT_STOP_TIMEOUT
    warnings: tuple[str, ...] = ()  #: one line each, about what is allowed but unlikely
