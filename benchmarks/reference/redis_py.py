"""A bare loop over redis-py: ``python -m benchmarks.reference.redis_py WORKERS fork``.

Anything but ``fork`` has the jobs run in the loop's own process.
"""

import os
import sys

import redis

from benchmarks.reference import family, loop


class RedisPyStore:
    """One worker's connection."""

    def __init__(self) -> None:
        self._client = redis.Redis.from_url(os.environ["REDIS_URL"])
        self._reserve = self._client.register_script(loop.RESERVE)
        self._keys = loop.keys()

    def reserve(self) -> bytes | None:
        """Take the next payload, if there is one."""
        payload: bytes | None = self._reserve(keys=self._keys[:2])
        return payload

    def finish(self) -> None:
        """Clear the worker's record and count the job."""
        _, record, *counters = self._keys
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.delete(record)
            for counter in counters:
                pipeline.incr(counter)
            pipeline.execute()


if __name__ == "__main__":
    forks = sys.argv[2] == "fork"
    family.run(int(sys.argv[1]), lambda: loop.work(RedisPyStore(), forks=forks))
