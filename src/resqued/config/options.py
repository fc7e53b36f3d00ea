"""The keyword options of each name in a config file, for type checkers and for the check.

A new option is one line in the class, one in the table below it, and its place in the model.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias, TypedDict

from resqued.config import values
from resqued.config.model import DeathPolicy


class WorkerOptions(TypedDict, total=False):
    """Options of ``worker``."""

    interval: float  #: seconds between two looks for work
    shuffle_queues: bool  #: put the queues into a random order, once for each worker
    on_worker_death: DeathPolicy  #: what becomes of the job of a worker that dies
    max_deaths: int  #: so many workers killed, a job is not put back again
    timeout: float | None  #: seconds that one job may take
    jobs_per_fork: int | None  #: so many jobs share a forked process, one after another
    seconds_per_fork: float | None  #: ... or those of so many seconds
    standby: bool  #: whether the next job's process is forked ahead
    max_jobs: int | None  #: the worker leaves for a fresh one after so many jobs
    max_age: float | None  #: ... after so many seconds
    max_memory: int | str | None  #: ... at so much private memory: bytes, or "200MB"


class PoolOptions(WorkerOptions, total=False):
    """Options of ``worker_pool``."""

    name: str  #: what logs and status call the pool


class QueueOptions(TypedDict, total=False):
    """Options of ``queue``; one of the two, or neither for all workers."""

    count: int | None  #: at most this many workers of the pool
    percent: int | None  #: this share of them, rounded down, but at least one


Checks: TypeAlias = Mapping[str, values.Check]

WORKER_CHECKS: Final[Checks] = {
    "interval": values.complaint_about_interval,
    "shuffle_queues": values.complaint_about_switch,
    "on_worker_death": values.complaint_about_policy,
    "max_deaths": values.complaint_about_deaths,
    "timeout": values.complaint_about_limit,
    "jobs_per_fork": values.complaint_about_max_jobs,
    "seconds_per_fork": values.complaint_about_limit,
    "standby": values.complaint_about_switch,
    "max_jobs": values.complaint_about_max_jobs,
    "max_age": values.complaint_about_max_age,
    "max_memory": values.complaint_about_memory,
}
POOL_CHECKS: Final[Checks] = {**WORKER_CHECKS, "name": values.complaint_about_pool_name}
QUEUE_CHECKS: Final[Checks] = {
    "count": values.complaint_about_count,
    "percent": values.complaint_about_percent,
}
