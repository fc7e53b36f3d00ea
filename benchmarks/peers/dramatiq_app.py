"""Dramatiq: broker and actors, for its workers and for what enqueues."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks import application, jobs

APPLICATION = application.load()

broker = RedisBroker(url=os.environ["REDIS_URL"])
dramatiq.set_broker(broker)
_ACTORS = {
    name: dramatiq.actor(function, actor_name=name, queue_name=jobs.QUEUE, broker=broker)
    for name, function in jobs.ALL.items()
}


def send(name: str, *arguments: object) -> None:
    """Enqueue one job."""
    _ACTORS[name].send(*arguments)


def send_many(count: int) -> None:
    """Enqueue jobs that do nothing."""
    for _ in range(count):
        _ACTORS["noop"].send()
