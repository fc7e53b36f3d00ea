"""``resque list`` and ``resque working``: the workers."""

import argparse
from typing import Any

from resque.cli import options
from resque.cli.screen import cut, print_json_list, print_table
from resque.inspection import WorkerInfo


def add_to(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare one of the commands."""
    options.add_common(parser)
    options.add_json(parser)
    parser.set_defaults(run=run_list if name == "list" else run_working)


def run_list(request: argparse.Namespace) -> int:
    """Print all registered workers, whatever they are."""
    workers = options.connect(request).workers()
    if request.json:
        print_json_list(map(_fields, workers))
    else:
        headers = ("WORKER", "STATE", "JOB", "HEARTBEAT", "PROCESSED", "FAILED", "REMARKS")
        print_table(headers, map(_row, workers))
    return 0


def run_working(request: argparse.Namespace) -> int:
    """Print the workers that have a job, and the job."""
    workers = options.connect(request).working()
    if request.json:
        print_json_list(map(_fields, workers))
    else:
        print_table(("WORKER", "QUEUE", "SINCE", "JOB", "RECORD"), map(_working_row, workers))
    return 0


def _row(worker: WorkerInfo) -> tuple[object, ...]:
    return (
        worker.id,
        worker.state.value,
        _class_name(worker),
        worker.heartbeat,
        worker.processed,
        worker.failed,
        "; ".join(worker.problems),
    )


def _working_row(worker: WorkerInfo) -> tuple[object, ...]:
    job = worker.job
    if job is None:
        return (worker.id, None, None, None, None)
    text = job.raw.decode("utf-8", "backslashreplace") if job.element is None else job.element.text
    return (worker.id, job.queue, job.run_at, _class_name(worker), cut(text))


def _class_name(worker: WorkerInfo) -> str | None:
    payload = worker.job and worker.job.payload
    return payload.class_name if payload else None


def _fields(worker: WorkerInfo) -> dict[str, Any]:
    job = worker.job
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "queues": worker.queues,
        "state": worker.state.value,
        "started": worker.started,
        "heartbeat": worker.heartbeat,
        "processed": worker.processed,
        "failed": worker.failed,
        "job": job
        and {
            "queue": job.queue,
            "run_at": job.run_at,
            "class": _class_name(worker),
            "record": job.raw.decode("utf-8", "backslashreplace"),
        },
        "problems": worker.problems,
    }
