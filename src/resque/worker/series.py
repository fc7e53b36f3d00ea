"""What runs in the process that a worker forks for its jobs: one job, or several in a row."""

import atexit
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from signal import Signals
from typing import TYPE_CHECKING, Protocol

from resque.clock import Clock
from resque.errors import DecodeError, ResqueError
from resque.failure.record import Failure
from resque.job import Job
from resque.payload import Payload
from resque.store.queues import Reserved
from resque.worker import performing
from resque.worker.child import EXIT_UNSAVED
from resque.worker.deadline import UNLIMITED, Deadline, TimeLimit
from resque.worker.interruption import EndOfJob, Interruption
from resque.worker.patience import Patience
from resque.worker.settling import Settling
from resque.worker.sheet import Outcome
from resqued.process.title import set_title

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)

#: Seconds for which a job's process tries to write its failure down, while the server is in
#: trouble; after that only its worker goes on, which does not know what the job has raised.
SAVE_FOR = 30.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What one process may do before it is replaced; a job that has begun is always finished."""

    jobs: float = 1  #: at least 1; infinite where only the time counts
    seconds: float = inf

    @classmethod
    def of(cls, worker: "Worker", jobs_left: float) -> "Quota":
        """Return what a worker that may still take ``jobs_left`` gives to one process."""
        seconds = worker.seconds_per_fork
        jobs = worker.jobs_per_fork or (1 if seconds is None else inf)
        return cls(min(jobs, jobs_left), inf if seconds is None else seconds)

    @property
    def is_single(self) -> bool:
        """Whether the process ends with its first job."""
        return self.jobs <= 1


class Employer(Protocol):
    """What the process needs of the worker that has forked it, whose memory it has a copy of."""

    def next_job(self, done: int) -> Reserved | None:
        """Finish the job with the number ``done`` and take the next in the same step.

        Raises what the server's calls raise.
        """
        ...

    def save(self, failure: Failure, error: BaseException, reserved: Reserved) -> None:
        """Write a failure down; raises what the server's calls raise."""
        ...

    def title_of(self, job: Job) -> str:
        """Return what ps is to show for a job."""
        ...

    def job_started(self, job: Job) -> None:
        """Tell whoever listens of a job that is not the first."""
        ...

    def job_ended(self, outcome: str) -> None:
        """Tell whoever listens what has become of the job in hand."""
        ...

    def job_finished(self) -> None:
        """Tell whoever listens of its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTask:
    """All that the process of some jobs needs."""

    reserved: Reserved  #: the first job, as it lay in its queue
    job: Job  #: the same
    title: str  #: what ps is to show for it
    prepare: Callable[[], None]  #: runs before the first job, and may fail it
    employer: Employer
    settling: Settling
    interruption: Interruption
    quota: Quota
    clock: Clock
    worker_timeout: float | None  #: seconds for a job that has no limit of its own
    run_at_exit_hooks: bool
    deadline: Deadline | None = None


class Series:
    """The jobs of one forked process, from the first to the last that it takes."""

    def __init__(self, task: SeriesTask) -> None:
        self._task = task
        self._settling = task.settling
        self._begun_at = task.clock.now()
        self._pid = 0

    def run(self) -> int:
        """Be that process; returns its exit status.

        Whatever is out of the ordinary is the worker's: a job that this process has taken and not
        begun stays in the worker's record, where the worker finds it.
        """
        self._pid = os.getpid()
        set_title(self._task.title)
        status = self._see_through(self._task.job, self._task.reserved, self._task.prepare)
        while status is None:
            status = self._go_on()
        if self._task.run_at_exit_hooks:
            atexit._run_exitfuncs()  # noqa: SLF001 - nothing else runs them before _exit
        return status

    def _go_on(self) -> int | None:
        following = self._next()
        if following is None:
            return 0
        job, reserved = following
        self._task.employer.job_started(job)
        set_title(self._task.employer.title_of(job))
        status = self._see_through(job, reserved)
        if status is None:  # or the worker says so, when it knows what has become of the job
            self._task.employer.job_finished()
        return status

    def _see_through(
        self, job: Job, reserved: Reserved, prepare: Callable[[], None] | None = None
    ) -> int | None:
        """Perform one job and report it; returns the exit status, None if the process goes on."""
        task = self._task
        error = performing.outcome(job, task.interruption, (Signals.SIGTERM,), prepare)
        if os.getpid() != self._pid:
            return 0  # the job has forked, and its child came back from it: not the one to report
        # When its time was over first, the worker reports it, whatever it has come to by now.
        if task.deadline is not None and not task.deadline.claim():
            return 0 if error is None else EXIT_UNSAVED
        task.employer.job_ended(performing.PERFORMED if error is None else performing.FAILED)
        if error is not None:
            status = self._report_failure(job, error, reserved)
            is_settled = self._settling.sheet.outcome is Outcome.SETTLED
            return None if is_settled and self._may_go_on else status
        self._settling.succeeded()
        if self._may_go_on:
            return None  # finished with the next reservation
        self._settling.have_it_known()
        return 0

    def _report_failure(self, job: Job, error: BaseException, reserved: Reserved) -> int:
        failure = performing.describe(job, error)
        ear = EndOfJob(self._task.interruption)
        patience = Patience(ear, self._task.clock, limit=SAVE_FOR, last_tries=0.0)
        try:
            patience.insist(lambda: self._task.employer.save(failure, error, reserved))
        except Exception:
            name = job.payload.class_name
            fields = {"event": "failure_unsaved", "queue": reserved.queue[:200], "job": name[:200]}
            log.exception("The failure of %.200s cannot be written down", name, extra=fields)
            return EXIT_UNSAVED
        self._settling.failure_saved()
        return 0

    @property
    def _may_go_on(self) -> bool:
        quota, sheet = self._task.quota, self._settling.sheet
        return (
            sheet.place + 1 < quota.jobs
            and not sheet.must_leave
            and not self._task.interruption.has_come
            and not (self._task.deadline is not None and self._task.deadline.is_lost)
            and self._task.clock.now() - self._begun_at < quota.seconds
        )

    def _next(self) -> tuple[Job, Reserved] | None:
        """Take another job; None: there is none, or it is the worker's to see to."""
        try:
            reserved = self._task.employer.next_job(self._settling.sheet.number)
        except ResqueError as error:
            fields = {"event": "series_ended", "reason": str(error)}
            log.debug("This process takes no more jobs: %s", error, extra=fields)
            return None
        self._settling.finished()
        if reserved is None:
            return None
        try:
            payload = Payload.decode(reserved.element)
        except DecodeError:
            return None
        job = Job(reserved.queue, payload, self._task.job.registry)
        self._begin(job, reserved)
        return job, reserved

    def _begin(self, job: Job, reserved: Reserved) -> None:
        self._settling.sheet.next_job(reserved.number)
        if self._task.deadline is not None:
            limit = TimeLimit.of(job, self._task.worker_timeout)
            self._task.deadline.next_job(limit or UNLIMITED)
