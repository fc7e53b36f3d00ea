"""Enqueues Resque's payloads by plain commands, as any client in any language may."""

import json
import os

import redis

from benchmarks.jobs import QUEUE

KEY = f"resque:queue:{QUEUE}"
#: The set of the queues' names.
QUEUES = "resque:queues"

_AT_ONCE = 1000
_CLIENT = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))


def send(name: str, *arguments: object) -> None:
    """Enqueue one job."""
    with _CLIENT.pipeline(transaction=False) as pipeline:
        pipeline.sadd(QUEUES, QUEUE)
        pipeline.rpush(KEY, _payload(name, arguments))
        pipeline.execute()


def send_many(count: int) -> None:
    """Enqueue jobs that do nothing."""
    payload = _payload("noop", ())
    for start in range(0, count, _AT_ONCE):
        _CLIENT.rpush(KEY, *[payload] * min(_AT_ONCE, count - start))


def _payload(name: str, arguments: tuple[object, ...]) -> str:
    return json.dumps({"class": name, "args": arguments})
