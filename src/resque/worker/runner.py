"""See one job through: have it performed, write down what became of it, clear the record."""

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from resque.burial import Burial
from resque.errors import DecodeError, DirtyExit, ResqueError
from resque.failure.backend import FailedJob
from resque.failure.record import Failure
from resque.job import Job
from resque.payload import Payload
from resque.store import deaths
from resque.store.queues import Reserved
from resque.worker import performing
from resque.worker.child import JobChild, Limits, error_of
from resque.worker.control import Control
from resque.worker.deadline import Deadline, TimeLimit
from resque.worker.interruption import interruptible
from resque.worker.liveness import Liveness
from resque.worker.patience import Patience
from resque.worker.performing import JobTask
from resque.worker.settling import Settling
from resque.worker.title import Title
from resque.worker_hooks import Moment
from resqued.process.reaper import ExitStatus

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)

#: Seconds between tries to fork when the kernel has no room for a process.
_FORK_PAUSE = 1.0


class NoRoomError(ResqueError):
    """Raised when the worker was told to leave before the kernel had room for the job."""


class JobRunner:
    """One worker's way with a job that it has reserved."""

    def __init__(
        self,
        worker: "Worker",
        control: Control,
        patience: Patience,
        title: Title,
        liveness: Liveness,
    ) -> None:
        """``liveness`` beats while a job runs."""
        self._worker = worker
        self._client = worker.client
        self._control = control
        self._patience = patience
        self._title = title
        self._liveness = liveness
        self._settling = Settling(worker.client, worker.id, patience)
        self._burial = Burial(worker.client.server, worker.client.keys, self.report_dirty_exit)

    def run(self, reserved: Reserved) -> int | None:
        """See a job through to its record on the server. Raises GaveUpError.

        Returns its number if it is still to be finished, with the next reservation.
        """
        try:
            payload = Payload.decode(reserved.element)
        except DecodeError as error:
            log.warning("An element of queue %.200r is %s", reserved.queue, error)
            failure = Failure("Resque::DecodeException", str(error))
            is_settled = self._save_and_finish(failure, error, reserved)
        else:
            self._tell_started(payload.class_name)
            job = Job(reserved.queue, payload, self._client.registry)
            is_settled = self._perform(job, reserved)
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_finished()
        return None if is_settled else reserved.number

    def report_dirty_exit(self, reserved: Reserved, worker_id: str, error: DirtyExit) -> None:
        """Write a job that was cut off down as failed, its on_failure hooks run beforehand.

        They run in a process of their own: they are the application's, and this one must go on.
        Raises GaveUpError.
        """
        text = str(error)
        try:
            job = Job(reserved.queue, Payload.decode(reserved.element), self._client.registry)
        except DecodeError:
            pass  # it never was a job, and has no hooks
        else:
            text += self._run_failure_hooks(job, error)
        failure = Failure(error.resque_name, text, error.stack)
        self._patience.insist(lambda: self._save(failure, error, reserved, worker_id))

    # --- performing: each returns whether nothing is left to be done on the server ------------

    def _perform(self, job: Job, reserved: Reserved) -> bool:
        if not self._worker.fork_per_job:
            return self._perform_here(job, reserved)
        try:
            self._worker.hooks.run(Moment.BEFORE_FORK, job)
        except Exception as error:  # noqa: BLE001 - the application's hook fails this job
            return self._save_and_finish(performing.describe(job, error), error, reserved)
        return self._perform_in_child(job, reserved)

    def _perform_here(self, job: Job, reserved: Reserved) -> bool:
        self._title.show(_processing(job, self._now))
        with interruptible(self._control.interrupting) as interruption:
            error = performing.outcome(job, interruption)
        if error is None:
            return False
        return self._save_and_finish(performing.describe(job, error), error, reserved)

    def _perform_in_child(self, job: Job, reserved: Reserved) -> bool:
        hooks, now = self._worker.hooks, self._now
        limit = TimeLimit.of(job, self._worker.timeout)
        deadline = self._deadline_of(limit)
        task = JobTask(
            job=job,
            title=self._title.of(_processing(job, now)),
            prepare=lambda: hooks.run(Moment.AFTER_FORK, job),
            succeeded=lambda: self._settling.succeeded(reserved),
            failed=lambda failure, error: self._save_in_child(failure, error, reserved),
            let_go=self._control.close_in_child,
            run_at_exit_hooks=self._worker.run_at_exit_hooks,
            deadline=deadline,
        )
        self._control.job_begins()
        self._settling.begin()
        try:
            child = self._fork(lambda: performing.perform_in_child(task), deadline)
        except NoRoomError as none:
            error = DirtyExit(f"There was no room for the job's process: {none}")
        else:
            self._title.show(f"Forked {child.pid} at {now}")
            status = self._see_off(child)
            overrun = deadline.error if deadline is not None else None
            found = overrun or error_of(status)
            if found is None or self._settling.is_known:
                self._settling.settle(reserved)
                return True
            if status.signal is not None and not child.was_told:
                self._see_to_killed(reserved, found)
                return True
            error = found
        self.report_dirty_exit(reserved, self._worker.id, error)
        return False

    def _see_to_killed(self, reserved: Reserved, error: DirtyExit) -> None:
        """Do with the job whose process somebody has killed as if it had been the worker."""
        see_to_job = partial(self._burial.see_to_job, self._worker.id, error)
        poison = self._patience.insist(see_to_job)
        self._settling.settle(reserved)
        if poison is not None:
            server, keys = self._client.server, self._client.keys
            self._patience.insist(partial(deaths.forget, server, keys, poison))

    def _deadline_of(self, limit: TimeLimit | None) -> Deadline | None:
        return None if limit is None else Deadline(limit, self._worker.clock)

    def _fork(self, body: Callable[[], int], deadline: Deadline | None) -> JobChild:
        """Fork, as soon as the kernel has room. Raises NoRoomError when told to leave first."""
        limits = Limits(
            pre_shutdown=self._worker.pre_shutdown_timeout, term=self._worker.term_timeout
        )
        while True:
            try:
                return JobChild(body, self._worker.clock, limits, deadline)
            except OSError as error:
                log.error("Cannot fork, trying again: %s", error)  # noqa: TRY400 - it says all
                self._control.wait(_FORK_PAUSE)
                if self._control.asked:
                    raise NoRoomError(str(error)) from error

    def _see_off(self, child: JobChild) -> ExitStatus:
        """Wait for a child's end, whatever is asked meanwhile."""
        while (status := child.reap()) is None:
            child.end_if_due(wanted=self._control.job_must_end)  # perhaps before the job began
            moments = (self._liveness.next_beat_in, child.next_step_in)
            self._control.wait(min(m for m in moments if m is not None))
            self._liveness.beat_aside_if_due()
        return status

    def _run_failure_hooks(self, job: Job, error: DirtyExit) -> str:
        """Returns what to add to the failure's text."""
        if not job.has_failure_hooks:
            return ""
        limit = TimeLimit.of(job, self._worker.timeout)
        try:
            child = self._fork(
                lambda: performing.run_hooks_in_child(job, error, self._control.close_in_child),
                self._deadline_of(limit and limit.to_report),
            )
        except NoRoomError as none:
            return f" (its on_failure hooks did not run: {none})"
        status = self._see_off(child)
        return "" if status.code == 0 else f" (its on_failure hooks failed: {status}, see the log)"

    # --- writing down ---------------------------------------------------------------------

    def _save_and_finish(self, failure: Failure, error: BaseException, reserved: Reserved) -> bool:
        """Write down what a job has reported itself, and count it; True: nothing is left to do."""
        self._patience.insist(lambda: self._save(failure, error, reserved, self._worker.id))
        self._settling.finish_failed(reserved)
        return True

    def _save_in_child(self, failure: Failure, error: BaseException, reserved: Reserved) -> None:
        self._save(failure, error, reserved, self._worker.id)
        self._settling.failure_saved(reserved)

    def _save(
        self,
        failure: Failure,
        error: BaseException,
        reserved: Reserved,
        worker_id: str,
    ) -> None:
        failed = FailedJob(
            queue=reserved.queue,
            element=reserved.element,
            worker_id=worker_id,
            failure=failure,
            failed_at=self._worker.clock.epoch(),
            exception=error,
        )
        try:
            self._client.failure_backend.save(failed)
        except ResqueError:
            raise  # the server's troubles pass, and whoever waits for that tries again
        except Exception:
            log.exception(
                "The failure backend has lost this failure of a job of queue %.200r: %.500s",
                reserved.queue,
                failure.error,
            )

    @property
    def _now(self) -> int:
        """Seconds of the epoch, as titles show them."""
        return int(self._worker.clock.epoch())

    def _tell_started(self, name: str) -> None:
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_started(name)


def _processing(job: Job, now: int) -> str:
    return f"Processing {job.queue} since {now} [{job.payload.class_name}]"
