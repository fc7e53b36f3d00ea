"""The names a config file sees. They record what is asked for and never act.

A mistake is filed with the load under way and reported at its end, together with all others.
Outside a load every function here raises ConfigError.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar, Unpack

from resqued.config.call import Call, QueueNames, begin, flattened
from resqued.config.display import shown
from resqued.config.hooks import BeforeForkContext
from resqued.config.model import (
    DEFAULT_INTERVAL,
    DEFAULT_MAX_DEATHS,
    PoolSpec,
    QueueSpec,
    WorkerLimits,
    WorkerSpec,
)
from resqued.config.options import (
    POOL_CHECKS,
    QUEUE_CHECKS,
    WORKER_CHECKS,
    PoolOptions,
    QueueOptions,
    WorkerOptions,
)
from resqued.config.pools import queue_list
from resqued.config.values import (
    complaint_about_factory,
    complaint_about_hook,
    complaint_about_size,
    complaint_about_timeout,
    in_bytes,
)

__all__ = [
    "after_exit",
    "after_fork",
    "before_fork",
    "boot_timeout",
    "queue",
    "stop_timeout",
    "worker",
    "worker_factory",
    "worker_pool",
]

BeforeForkHook = TypeVar(
    "BeforeForkHook", bound=Callable[[], object] | Callable[[BeforeForkContext], object]
)
AnyHook = TypeVar("AnyHook", bound=Callable[[], object] | Callable[[Any], object])
AnyFactory = TypeVar("AnyFactory", bound=Callable[[list[str]], Any])


def worker(*queues: QueueNames, **options: Unpack[WorkerOptions]) -> None:
    """Ask for one worker for exactly these queues, in order of priority; for all if none is named.

    Options: ``interval``, seconds between two looks for work (5.0); ``shuffle_queues`` (False);
    ``on_worker_death``, "fail" or "requeue" for the job of a worker that dies ("fail");
    ``max_deaths``, after so many a job fails all the same (3); ``timeout``, seconds for one job;
    ``jobs_per_fork`` and ``seconds_per_fork``, how many jobs may share a forked process;
    ``standby``, whether the next job's process is forked ahead (False);
    ``max_jobs``, ``max_age`` (seconds) and ``max_memory`` (bytes, or "200MB"), after which a worker
    leaves for a fresh one.
    """
    call = begin("worker")
    names = call.queues(queues)
    accepted = call.options(options, WORKER_CHECKS)
    shuffle = call.recorder.shuffle if accepted.get("shuffle_queues") else None
    call.recorder.workers.append(
        WorkerSpec(
            queues=queue_list(names, shuffle),
            interval=_interval(accepted),
            pool=None,
            on_worker_death=accepted.get("on_worker_death", "fail"),
            max_deaths=accepted.get("max_deaths", DEFAULT_MAX_DEATHS),
            limits=_limits(accepted),
        )
    )


def worker_pool(size: int, *queues: QueueNames, **options: Unpack[PoolOptions]) -> None:
    """Ask for a pool of this many workers; the ``queue`` calls below it belong to it.

    Queues named here are served by all its workers, before those of the ``queue`` calls.

    Options: ``name`` (pool-1, pool-2, ...); ``interval``, seconds between two looks for work
    (5.0); ``shuffle_queues`` gives each worker an order of its own (False); ``on_worker_death``,
    ``max_deaths`` and the limits as for ``worker``, each worker's own.
    """
    call = begin("worker_pool")
    call.accepts(size, complaint_about_size)  # a wrong size fails the load before it is used
    names = call.queues(queues)
    accepted = call.options(options, POOL_CHECKS)
    pool = PoolSpec(
        name=str.__str__(accepted.get("name", f"pool-{len(call.recorder.pools) + 1}")),
        size=size,
        interval=_interval(accepted),
        shuffle_queues=accepted.get("shuffle_queues", False),
        on_worker_death=accepted.get("on_worker_death", "fail"),
        max_deaths=accepted.get("max_deaths", DEFAULT_MAX_DEATHS),
        limits=_limits(accepted),
        queues=tuple(QueueSpec(name=name) for name in names),
    )
    _refuse_second_pool_of_this_name(call, pool.name)
    call.recorder.pools.append(pool)


def queue(*names: QueueNames, **options: Unpack[QueueOptions]) -> None:
    """Give queues to the ``worker_pool`` above, after those that it has.

    Options, at most one: ``count``, so many workers serve them; ``percent``, this share of the
    pool serves them, rounded down, but at least one worker. Without: every worker of the pool.
    """
    call = begin("queue")
    accepted_names = call.queues(names)
    accepted = call.options(options, QUEUE_CHECKS)
    if {"count", "percent"} <= accepted.keys():
        both = "count={count} and percent={percent}".format_map(accepted)
        call.complain(f"queue({_listed(names)}) has both {both}")
    if not _listed(names):
        call.complain("queue() names no queue")
    if not call.recorder.pools:
        call.complain(f"queue({_listed(names)}) stands before any worker_pool")
        return
    call.recorder.add_queues([QueueSpec(name=name, **accepted) for name in accepted_names])


def before_fork(hook: BeforeForkHook) -> BeforeForkHook:
    """Call this in the listener, once, before any worker is forked: load the application here.

    It may take a ``BeforeForkContext``. An exception fails the new generation.
    """
    _record_hook("before_fork", hook)
    return hook


def after_fork(hook: AnyHook) -> AnyHook:
    """Call this in each worker before it works: connect here what must not be shared.

    It may take the worker, as the factory built it. An exception fails that worker.
    """
    _record_hook("after_fork", hook)
    return hook


def after_exit(hook: AnyHook) -> AnyHook:
    """Call this in the listener after each worker's exit.

    It may take a summary with ``alive_time_sec`` and ``process_status``. An exception is logged.
    """
    _record_hook("after_exit", hook)
    return hook


def worker_factory(factory: AnyFactory) -> AnyFactory:
    """Build workers with this, from the list of their queues; the last one set counts.

    It runs in each worker's process. What it returns needs a method ``work(interval)``, and
    should finish and leave at QUIT.
    """
    call = begin("worker_factory")
    if call.accepts(factory, complaint_about_factory):
        call.recorder.worker_factory = factory
    return factory


def boot_timeout(seconds: float) -> None:
    """Give a new generation this long to prove itself (300 s if nothing says otherwise)."""
    call = begin("boot_timeout")
    if call.accepts(seconds, complaint_about_timeout):
        call.recorder.boot_timeout = float(seconds)


def stop_timeout(seconds: float) -> None:
    """Give workers this long after TERM or INT before they are killed (15 s by default)."""
    call = begin("stop_timeout")
    if call.accepts(seconds, complaint_about_timeout):
        call.recorder.stop_timeout = float(seconds)


def _record_hook(kind: str, hook: Callable[..., object]) -> None:
    call = begin(kind)
    if call.accepts(hook, complaint_about_hook):
        call.recorder.hooks.setdefault(kind, []).append(hook)


def _interval(accepted: dict[str, Any]) -> float:
    return float(accepted.get("interval", DEFAULT_INTERVAL))


def _limits(accepted: dict[str, Any]) -> WorkerLimits:
    limits = {field.name: accepted.get(field.name) for field in fields(WorkerLimits)}
    if limits["max_memory"] is not None:
        limits["max_memory"] = in_bytes(limits["max_memory"])
    return WorkerLimits(**limits)


def _refuse_second_pool_of_this_name(call: Call, name: str) -> None:
    places = call.recorder.pool_places
    if name in places:
        call.complain(f"worker_pool(name={shown(name)}): {places[name]} has a pool of this name")
    else:
        places[name] = call.place.config


def _listed(names: Sequence[QueueNames]) -> str:
    return ", ".join(shown(name) for name in flattened(names))
