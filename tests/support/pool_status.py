"""Statuses of pools, as a master might tell them."""

from dataclasses import replace
from typing import Any

from resqued.control.status import (
    GenerationStatus,
    ListenerEnds,
    MasterStatus,
    PoolStatus,
    WorkerStatus,
)

MASTER = MasterStatus(
    pid=4242,
    version="0.1.0",
    mode="working",
    paths=("pool.py",),
    folder="/srv/myapp",
    pidfile=None,
    log=None,
)


def worker(slot: int = 0, **fields: Any) -> WorkerStatus:
    """Return an idle worker, but for what is said."""
    idle: dict[str, Any] = {
        "pid": 4260 + slot,
        "queues": ("mail",),
        "state": "idle",
        "age": 60.0,
        "jobs_done": 0,
        "restarts": 0,
    }
    return WorkerStatus(slot=slot, **{**idle, **fields})


def generation(*workers: WorkerStatus, **fields: Any) -> GenerationStatus:
    """Return a generation that owns the pool, but for what is said."""
    return replace(
        GenerationStatus(
            number=1,
            state="owner",
            age=60.0,
            listener=4250,
            version="0.1.0",
            app_version=None,
            configured=len(workers),
            is_silent=False,
            is_stale=False,
            workers=workers,
        ),
        **fields,
    )


def pool(*generations: GenerationStatus, **fields: Any) -> PoolStatus:
    """Return a pool that was never reloaded, but for what is said."""
    ends = ListenerEnds(count=0, generation=None, last_end=None, backoff=0.0)
    status = PoolStatus(master=MASTER, generations=generations, listener_ends=ends, reload=None)
    return replace(status, **fields)


def pool_of(*workers: WorkerStatus) -> PoolStatus:
    """Return a pool of one generation."""
    return pool(generation(*workers))
