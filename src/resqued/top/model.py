"""What the view knows: values, and the functions that make the next one from what is new.

Nothing here asks, waits or draws. Times are those of one clock, in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from resqued.backlog.model import Backlog
from resqued.control.status import PoolStatus, WorkerStatus
from resqued.process.memory import Memory

#: How many rates of a worker, one from look to look, are kept to be drawn.
KEPT = 8


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing new is known."""

    reason: str
    since: float  #: when that was first seen; the reason may have changed since


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs a process had done at one moment."""

    at: float
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """What is known of the pool."""

    status: PoolStatus | None = None  #: the last answer; None: there has been none
    seen_at: float = 0.0  #: when that came
    memory: Mapping[int, Memory] = field(default_factory=dict)  #: by pid; may lack some
    trouble: Trouble | None = None  #: None: the last question was answered
    #: The last counts of each worker that tells of its jobs, by pid, the oldest first.
    counts: Mapping[int, tuple[Count, ...]] = field(default_factory=dict)
    #: Jobs a second of the whole pool, from look to look, the oldest first.
    rates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogView:
    """What is known of the server."""

    backlog: Backlog | None = None
    seen_at: float = 0.0
    trouble: Trouble | None = None


def with_status(
    view: PoolView, status: PoolStatus, memory: Mapping[int, Memory], now: float
) -> PoolView:
    """Return the view after an answer of the master's.

    Counts of workers that are gone are forgotten, so that nothing grows.
    """
    workers = [worker for each in status.generations for worker in each.workers]
    return PoolView(
        status=status,
        seen_at=now,
        memory=memory,
        counts={
            worker.pid: counts
            for worker in workers
            if worker.pid is not None and (counts := _with_count(view, worker, now))
        },
        rates=_with_rate(view, workers, now),
    )


def without_status(view: PoolView, reason: str, now: float) -> PoolView:
    """Return the view after a question that the master has not answered."""
    return replace(view, trouble=_trouble(view.trouble, reason, now))


def with_backlog(backlog: Backlog, now: float) -> BacklogView:
    """Return the view after an answer of the server's."""
    return BacklogView(backlog=backlog, seen_at=now)


def without_backlog(view: BacklogView, reason: str, now: float) -> BacklogView:
    """Return the view after a question that the server has not answered."""
    return replace(view, trouble=_trouble(view.trouble, reason, now))


def rates_of(counts: tuple[Count, ...]) -> tuple[float, ...]:
    """Return a worker's jobs a second from each of its counts to the next, the oldest first."""
    pairs = pairwise(counts)
    return tuple((new.done - old.done) / (new.at - old.at) for old, new in pairs)


def rate_of(counts: tuple[Count, ...]) -> float | None:
    """Return a worker's jobs a second over all of its counts; None while there is only one."""
    if len(counts) < 2:
        return None
    return (counts[-1].done - counts[0].done) / (counts[-1].at - counts[0].at)


def _trouble(former: Trouble | None, reason: str, now: float) -> Trouble:
    return Trouble(reason, now if former is None else former.since)


def _with_count(view: PoolView, worker: WorkerStatus, now: float) -> tuple[Count, ...]:
    """Return a worker's counts with the present one, if it has told it."""
    former = view.counts.get(worker.pid or 0, ())
    done = worker.jobs_done
    if done is None or (former and former[-1].at >= now):
        return former
    if former and done < former[-1].done:
        former = ()  # another process has got its pid
    return (*former, Count(now, done))[-KEPT - 1 :]


def _with_rate(view: PoolView, workers: list[WorkerStatus], now: float) -> tuple[float, ...]:
    elapsed = now - view.seen_at
    if view.status is None or elapsed <= 0:
        return view.rates
    return (*view.rates, sum(_rate(view, worker, now) for worker in workers))[-KEPT:]


def _rate(view: PoolView, worker: WorkerStatus, now: float) -> float:
    """Return a worker's jobs a second since it last told how many it had done.

    What one has done before it ended, and after it was last seen, nobody has told.
    """
    if worker.pid is None or worker.jobs_done is None:
        return 0.0
    former = view.counts.get(worker.pid, ())
    if former and former[-1].done <= worker.jobs_done:
        return (worker.jobs_done - former[-1].done) / (now - former[-1].at)
    elapsed = now - view.seen_at
    is_new = worker.age is not None and worker.age <= elapsed
    return worker.jobs_done / elapsed if is_new else 0.0
