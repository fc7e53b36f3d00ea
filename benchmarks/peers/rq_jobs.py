"""RQ: what enqueues, and what its worker pool is told to load before it forks (``-c``).

Results are not kept, as no other contender keeps any.
"""

import os

import redis
from rq import Queue

from benchmarks import application, jobs

APPLICATION = application.load()

#: A setting of the worker pool's.
REDIS_URL = os.environ["REDIS_URL"]

_AT_ONCE = 500
_QUEUE = Queue(jobs.QUEUE, connection=redis.Redis.from_url(REDIS_URL))


def send(name: str, *arguments: object) -> None:
    """Enqueue one job."""
    _QUEUE.enqueue(f"benchmarks.jobs.{name}", *arguments, result_ttl=0)


def send_many(count: int) -> None:
    """Enqueue jobs that do nothing."""
    for start in range(0, count, _AT_ONCE):
        one = Queue.prepare_data("benchmarks.jobs.noop", result_ttl=0)
        _QUEUE.enqueue_many([one] * min(_AT_ONCE, count - start))
