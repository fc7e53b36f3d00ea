"""Forgetting a worker that does not do so itself."""

import logging
from functools import partial
from typing import TYPE_CHECKING

from resque.burial import Burial
from resque.clock import SystemClock
from resque.errors import DecodeError, DirtyExit, FailureHookError, UnknownWorkerError
from resque.failure.backend import FailedJob
from resque.failure.record import Failure
from resque.inspection import shown
from resque.job import Job
from resque.payload import Payload
from resque.store import workers
from resque.store.queues import Reserved

if TYPE_CHECKING:
    from resque.client import Client

log = logging.getLogger(__name__)


def remove_worker(client: "Client", worker_id: str) -> None:
    """Forget a worker by its id as it is shown; see ``Client.remove_worker``.

    Its job's failure is saved first: cut off in between, the worker is still there.
    """
    known = workers.raw_ids(client.server, client.keys)
    member = next((raw for raw in known if shown(raw) == worker_id), None)
    if member is None:
        raise UnknownWorkerError(worker_id)
    Burial(client.server, client.keys, partial(_report, client)).bury(member, DirtyExit())


def _report(client: "Client", reserved: Reserved, worker_id: str, error: DirtyExit) -> None:
    client.failure_backend.save(failed_job(client, reserved, worker_id, error))


def failed_job(client: "Client", reserved: Reserved, worker_id: str, error: DirtyExit) -> FailedJob:
    """Return what to save of a job that nobody will finish, its on_failure hooks run here."""
    text = str(error)
    try:
        job = Job(reserved.queue, Payload.decode(reserved.element), client.registry)
        job.run_failure_hooks(error)
    except DecodeError:  # it never was a job, and has no hooks
        pass
    except FailureHookError as additional:
        fields = {"event": "hook_failed", "hook": "on_failure", "worker_id": worker_id}
        log.warning("The job of worker %s: %s", worker_id, additional, extra=fields)
        text = f"{text}\n{additional}"
    return FailedJob(
        queue=reserved.queue,
        element=reserved.element,
        worker_id=worker_id,
        failure=Failure(error.resque_name, text),
        failed_at=SystemClock().epoch(),
        exception=error,
    )
