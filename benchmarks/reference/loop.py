"""The least that a worker of Resque's queues can do: what all the bare loops have in common.

Reserve by one script, perform, finish by one pipeline. What they leave out: heartbeats, signals,
failures, time limits, hooks.
"""

import json
import os
import time
from typing import Protocol

from benchmarks import jobs

#: Takes a job and writes down who has it. KEYS 1 queue, 2 the worker's record.
RESERVE = """
local element = redis.call('LPOP', KEYS[1])
if element then redis.call('SET', KEYS[2], element) end
return element
"""
#: Seconds until an empty queue is asked again.
_PAUSE = 0.1


class Store(Protocol):
    """What a bare loop asks of the server."""

    def reserve(self) -> bytes | None:
        """Take the next payload, if there is one."""

    def finish(self) -> None:
        """Clear the worker's record and count the job."""


def work(store: Store, *, forks: bool) -> None:
    """Work the queue for ever."""
    perform = _perform_in_child if forks else _perform
    while True:
        payload = store.reserve()
        if payload is None:
            time.sleep(_PAUSE)
            continue
        perform(payload)
        store.finish()


def keys() -> tuple[str, str, str, str]:
    """Return the keys of this process: queue, record, and the two counters of what is done."""
    name = f"bare:{os.getpid()}:{jobs.QUEUE}"
    return (
        f"resque:queue:{jobs.QUEUE}",
        f"resque:worker:{name}",
        "resque:stat:processed",
        f"resque:stat:processed:{name}",
    )


def _perform(payload: bytes) -> None:
    job = json.loads(payload)
    jobs.ALL[job["class"]](*job["args"])


def _perform_in_child(payload: bytes) -> None:
    pid = os.fork()
    if pid == 0:
        _perform(payload)
        os._exit(0)
    os.waitpid(pid, 0)
