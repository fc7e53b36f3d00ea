"""Write the failures of one worker's jobs down, and run the hooks of those that were cut off."""

import logging
from functools import partial
from typing import TYPE_CHECKING

from resque.errors import DecodeError, DirtyExit, ResqueError
from resque.failure.backend import FailedJob
from resque.failure.record import Failure
from resque.job import Job
from resque.payload import Payload
from resque.store.queues import Reserved
from resque.worker import performing
from resque.worker.deadline import Deadline, TimeLimit
from resque.worker.patience import Patience
from resque.worker.processes import JobProcesses, NoRoomError

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)


class Reporting:
    """What is written down of jobs that have failed; in the worker, and in their own processes."""

    def __init__(self, worker: "Worker", patience: Patience, processes: JobProcesses) -> None:
        self._worker = worker
        self._patience = patience
        self._processes = processes

    def save(
        self,
        failure: Failure,
        error: BaseException,
        reserved: Reserved,
        worker_id: str | None = None,
    ) -> None:
        """Have the backend keep a failure, of our own job if no other worker is named.

        Raises what the server's calls raise, for whoever tries again; a backend that fails
        otherwise has lost it, which is logged.
        """
        failed = FailedJob(
            queue=reserved.queue,
            element=reserved.element,
            worker_id=self._worker.id if worker_id is None else worker_id,
            failure=failure,
            failed_at=self._worker.clock.epoch(),
            exception=error,
        )
        try:
            self._worker.client.failure_backend.save(failed)
        except ResqueError:
            raise
        except Exception:
            log.exception(
                "The failure backend has lost this failure of a job of queue %.200r: %.500s",
                reserved.queue,
                failure.error,
                extra={
                    "event": "failure_unsaved",
                    "backend": type(self._worker.client.failure_backend).__name__,
                    "queue": reserved.queue[:200],
                },
            )

    def report_dirty_exit(self, reserved: Reserved, worker_id: str, error: DirtyExit) -> None:
        """Write a job that was cut off down as failed, its on_failure hooks run beforehand.

        They run in a process of their own: they are the application's, and this one must go on.
        Another worker's job is left to whoever finds it next, should this one be told to leave.
        Raises GaveUpError.
        """
        text = str(error)
        try:
            registry = self._worker.client.registry
            job = Job(reserved.queue, Payload.decode(reserved.element), registry)
        except DecodeError:
            pass  # it never was a job, and has no hooks
        else:
            text += self._run_failure_hooks(job, error)
        failure = Failure(error.resque_name, text, error.stack)
        is_ours = worker_id == self._worker.id
        insist = self._patience.insist_on_outcome if is_ours else self._patience.insist
        insist(partial(self.save, failure, error, reserved, worker_id))

    def _run_failure_hooks(self, job: Job, error: DirtyExit) -> str:
        """Returns what to add to the failure's text."""
        if not job.has_failure_hooks:
            return ""
        limit = TimeLimit.of(job, self._worker.timeout)
        deadline = Deadline(limit.to_report, self._worker.clock) if limit is not None else None
        try:
            body = partial(performing.run_hooks_in_child, job, error)
            child = self._processes.fork(body, deadline)
        except NoRoomError as none:
            return f" (its on_failure hooks did not run: {none})"
        status = self._processes.see_off(child)
        return "" if status.code == 0 else f" (its on_failure hooks failed: {status}, see the log)"
