"""Other job libraries, each with the settings that its documentation gives for workers like these.

Everywhere: no results, logs from warnings on, the application loaded before the fork where the
library has a way to. One worker works one job at a time, but Dramatiq's: with one thread instead of
the eight of its default it takes two jobs ahead instead of 16, and is several times slower.
"""

from dataclasses import replace
from signal import Signals

from benchmarks.contenders.model import Contender, Kind
from benchmarks.jobs import QUEUE


def contenders() -> tuple[Contender, ...]:
    """Return them, in the order of the tables."""
    return (
        _rq("rq-worker", "RQ, Worker", Kind.PER_JOB, "rq.worker.Worker", 100),
        _rq("rq-simple", "RQ, SimpleWorker", Kind.SHARED, "rq.worker.SimpleWorker", 700),
        _celery(),
        _dramatiq(),
        _huey(),
    )


def _rq(name: str, title: str, kind: Kind, worker: str, guess: float) -> Contender:
    options = ("--worker-class", worker, "--config", "benchmarks.peers.rq_jobs", "--quiet")
    return Contender(
        name=name,
        title=title,
        kind=kind,
        command=("rq", "worker-pool", QUEUE, "--num-workers", "{workers}", *options),
        sender="benchmarks.peers.rq_jobs",
        key=f"rq:queue:{QUEUE}",
        depth=1,
        guess=guess,
    )


def _celery() -> Contender:
    command = (
        *("celery", "-A", "benchmarks.peers.celery_app", "worker", "-Q", QUEUE),
        *("--pool", "prefork", "--concurrency", "{workers}", "--loglevel", "WARNING"),
    )
    return _sharing("celery", "Celery, prefork", command, QUEUE, 900)


def _dramatiq() -> Contender:
    command = (
        *("dramatiq", "benchmarks.peers.dramatiq_app", "--queues", QUEUE),
        *("--processes", "{workers}", "--threads", "8"),
    )
    plain = _sharing("dramatiq", "Dramatiq, eight threads", command, f"dramatiq:{QUEUE}", 3000)
    return replace(plain, threads=8)


def _huey() -> Contender:
    command = (
        *("huey_consumer", "benchmarks.peers.huey_app.huey", "--quiet"),
        *("--worker-type", "process", "--workers", "{workers}"),
    )
    return _sharing("huey", "huey, processes", command, f"huey.redis.{QUEUE}", 3000)


def _sharing(name: str, title: str, command: tuple[str, ...], key: str, guess: float) -> Contender:
    """Return one whose workers do all their jobs in one process, and that reloads at HUP."""
    return Contender(
        name=name,
        title=title,
        kind=Kind.SHARED,
        command=command,
        sender=f"benchmarks.peers.{name}_app",
        key=key,
        depth=1,
        guess=guess,
        reload=Signals.SIGHUP,
    )
