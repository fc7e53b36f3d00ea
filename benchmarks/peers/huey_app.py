"""huey: the instance and its tasks, for its consumer and for what enqueues; no results."""

import os

from huey import RedisHuey

from benchmarks import application, jobs

APPLICATION = application.load()

huey = RedisHuey(jobs.QUEUE, url=os.environ["REDIS_URL"], results=False)
_TASKS = {name: huey.task(name=name)(function) for name, function in jobs.ALL.items()}


def send(name: str, *arguments: object) -> None:
    """Enqueue one job."""
    _TASKS[name](*arguments)


def send_many(count: int) -> None:
    """Enqueue jobs that do nothing."""
    for _ in range(count):
        _TASKS["noop"]()
