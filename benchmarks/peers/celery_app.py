"""Celery: the app, for its workers and for what enqueues. Settings are the defaults, no results."""

import os

import celery

from benchmarks import application, jobs

APPLICATION = application.load()

app = celery.Celery("benchmarks", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_default_queue=jobs.QUEUE, task_ignore_result=True, broker_connection_retry_on_startup=True
)
_TASKS = {name: app.task(function, name=name) for name, function in jobs.ALL.items()}


def send(name: str, *arguments: object) -> None:
    """Enqueue one job."""
    _TASKS[name].apply_async(arguments)


def send_many(count: int) -> None:
    """Enqueue jobs that do nothing."""
    with app.producer_or_acquire() as producer:
        for _ in range(count):
            _TASKS["noop"].apply_async(producer=producer)
