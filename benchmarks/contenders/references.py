"""Bare loops over Resque's queues, which do the least that a worker can do."""

from benchmarks.contenders.model import Contender, Kind
from benchmarks.plain_queue import KEY


def contenders() -> tuple[Contender, ...]:
    """Return them."""
    return (
        _loop("redis-py-fork", "bare redis-py loop, a fork for each job", 900),
        _loop("redis-py-in-process", "bare redis-py loop", 6000),
        _loop("socket-fork", "bare socket loop, a fork for each job", 1500),
        _loop("socket-in-process", "bare socket loop", 20000),
    )


def _loop(name: str, title: str, guess: float) -> Contender:
    forks = name.endswith("fork")
    module = "redis_py" if name.startswith("redis") else "sockets"
    how = "fork" if forks else "in-process"
    return Contender(
        name=name,
        title=title,
        kind=Kind.PER_JOB if forks else Kind.SHARED,
        command=("python", "-m", f"benchmarks.reference.{module}", "{workers}", how),
        sender="benchmarks.plain_queue",
        key=KEY,
        depth=1,
        guess=guess,
        is_reference=True,
    )
