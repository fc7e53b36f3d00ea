"""See one job through: have it performed, write down what became of it, clear the record."""

import logging
import os
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from resque.burial import Burial
from resque.errors import DecodeError, DirtyExit
from resque.failure.record import Failure
from resque.job import Job
from resque.payload import Payload
from resque.store import deaths
from resque.store.queues import Nothing, Reserved
from resque.worker import performing
from resque.worker.child import error_of
from resque.worker.launching import Launcher
from resque.worker.processes import JobProcesses, NoRoomError
from resque.worker.reporting import Reporting
from resque.worker.settling import Settling
from resque.worker.tools import Tools
from resque.worker_hooks import Moment
from resqued.process.spawn import leave
from resqued.process.title import set_title

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)


class JobRunner:
    """One worker's way with a job that it has reserved; the ``Employer`` of its jobs' processes."""

    def __init__(self, worker: "Worker", tools: Tools, processes: JobProcesses) -> None:
        self._worker = worker
        self._client = worker.client
        self._pid = os.getpid()
        self._working = f"Working for {','.join(worker.patterns)}"
        self._tools = tools
        self._control = tools.control
        self._patience = tools.patience
        self._processes = processes
        self._reporting = Reporting(worker, tools.patience, self._processes)
        self.report_dirty_exit = self._reporting.report_dirty_exit
        self._settling = Settling(worker.client, worker.id, tools.patience)
        self._launcher = Launcher(worker, self, tools, self._processes, self._settling)
        self._burial = Burial(worker.client.server, worker.client.keys, self.report_dirty_exit)

    def run(self, reserved: Reserved) -> int | None:
        """See a job through to its record on the server, and perhaps others after it.

        Returns the number of one that is still to be finished, with the next reservation. Raises
        GaveUpError.
        """
        try:
            payload = Payload.decode(reserved.element)
        except DecodeError as error:
            queue = reserved.queue
            fields = {"event": "element_malformed", "queue": queue[:200], "reason": str(error)}
            log.warning("An element of queue %.200r is %s", queue, error, extra=fields)
            failure = Failure("Resque::DecodeException", str(error))
            self._save_and_finish(failure, error, reserved)
            unfinished = None
        else:
            job = Job(reserved.queue, payload, self._client.registry)
            self.job_started(job)
            unfinished = self._perform(job, reserved)
        self.job_finished()
        return unfinished

    def make_ready(self) -> None:
        """Have the next job's process forked ahead, where the worker wants that; never waits."""
        self._launcher.make_ready()

    def end_standby(self) -> None:
        """End the process that waits for a job, if one does: there will be none."""
        self._launcher.end_standby()

    # --- for the processes of its jobs, in those ------------------------------------------

    def next_job(self, done: int) -> Reserved | None:
        """Take another job in the process of the one before; see ``Employer``."""
        found = self._tools.source.take(done)
        return None if isinstance(found, Nothing) else found

    def save(self, failure: Failure, error: BaseException, reserved: Reserved) -> None:
        """Write a failure down, once; raises what the server's calls raise."""
        self._reporting.save(failure, error, reserved)

    def title_of(self, job: Job) -> str:
        """Return the title of whichever process a job runs in."""
        text = f"Processing {job.queue} since {self._now} [{job.payload.class_name}]"
        return self._tools.title.of(text)

    def job_started(self, job: Job) -> None:
        """Tell the observer, if there is one."""
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_started(job.payload.class_name, job.queue)

    def job_ended(self, outcome: str) -> None:
        """Tell the observer, if there is one."""
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_ended(outcome)

    def job_finished(self) -> None:
        """Tell the observer, if there is one."""
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_finished()

    # --- performing: each returns the number of a job that is still to be finished ----------

    def _perform(self, job: Job, reserved: Reserved) -> int | None:
        if not self._worker.fork_per_job:
            return self._perform_here(job, reserved)
        try:
            self._worker.hooks.run(Moment.BEFORE_FORK, job)
        except Exception as error:  # noqa: BLE001 - the application's hook fails this job
            self.job_ended(performing.FAILED)
            self._save_and_finish(performing.describe(job, error), error, reserved)
            return None
        return self._perform_in_child(job, reserved)

    def _perform_here(self, job: Job, reserved: Reserved) -> int | None:
        self._control.job_begins()
        set_title(self.title_of(job))
        error = performing.outcome(job, self._control.interruption, self._control.interrupting)
        if os.getpid() != self._pid:
            leave(0)  # the job has forked, and its child came back from it: not a second worker
        self._control.put_handlers_back()  # a job may have set its own
        if error is not None:
            failure = performing.describe(job, error)  # its hooks are the job's: its time goes on
            self.job_ended(performing.FAILED)
            self._save_and_finish(failure, error, reserved)
            return None
        self.job_ended(performing.PERFORMED)
        self._tools.wear.jobs_done(1)
        return reserved.number

    def _perform_in_child(self, job: Job, reserved: Reserved) -> int | None:
        self._control.job_begins()
        self._tools.title.show_once(self._working)
        try:
            child = self._launcher.start(job, reserved)
        except NoRoomError as none:
            error = DirtyExit(f"There was no room for the job's process: {none}")
            self.job_ended(performing.FAILED)
            self.report_dirty_exit(reserved, self._worker.id, error)
            return reserved.number
        if self._worker.max_memory is None:  # what both have would not count as the worker's own
            self._launcher.make_ready(in_hand=1)
        status = self._processes.see_off(
            child,
            lasts=lambda: self._tools.title.show(f"Forked {child.pid} at {self._now}"),
            meanwhile=self._end_series_if_due if self._has_series else None,
        )
        if self._settling.has_not_begun and not self._control.job_must_end:
            return self._perform_in_child(job, reserved)  # nothing of it; another process has it
        self._tools.wear.jobs_done(self._settling.sheet.place + 1)
        overrun = child.deadline.error if child.deadline is not None else None
        found = overrun or error_of(status)
        if found is None or self._settling.is_known:
            self._settling.settle()
            return None
        self.job_ended(performing.CUT_OFF)
        if not child.was_told:
            _log_cut_off(job, child.pid, found)
        is_stranger = status.signal is not None and not child.was_told
        return self._see_to_cut_off(reserved, found, was_killed=is_stranger)

    @property
    def _has_series(self) -> bool:
        """Whether a process may have several jobs."""
        return self._worker.jobs_per_fork is not None or self._worker.seconds_per_fork is not None

    def _end_series_if_due(self) -> float:
        """Have the process take no more jobs if the worker is to take none.

        Returns the seconds until the worker's own age demands that.
        """
        left = self._tools.wear.age_left
        control = self._control
        if control.asked or control.is_paused or control.job_must_end or left == 0:
            self._settling.sheet.ask_to_leave()
            return inf
        return left

    # --- failing --------------------------------------------------------------------------

    def _see_to_cut_off(self, first: Reserved, error: DirtyExit, *, was_killed: bool) -> int | None:
        """Do what is to be done for the job in hand of a process that has ended before that.

        ``was_killed``: not by us; then it is as if it had been the worker.
        """
        if was_killed:
            self._see_to_killed(error)
            return None
        held: Reserved | Nothing = first
        if self._settling.sheet.place > 0:  # only the server knows what it was
            held = self._patience.insist_on_outcome(self._tools.source.held)
        if isinstance(held, Nothing):
            return None  # somebody has taken it out of our hands
        self.report_dirty_exit(held, self._worker.id, error)
        return held.number

    def _see_to_killed(self, error: DirtyExit) -> None:
        see_to_job = partial(self._burial.see_to_job, self._worker.id, error)
        poison = self._patience.insist_on_outcome(see_to_job)
        self._settling.settle()
        if poison is not None:
            server, keys = self._client.server, self._client.keys
            self._patience.insist_on_outcome(partial(deaths.forget, server, keys, poison))

    def _save_and_finish(self, failure: Failure, error: BaseException, reserved: Reserved) -> None:
        """Write down what a job has reported itself, and count it, in the worker."""
        self._patience.insist_on_outcome(partial(self.save, failure, error, reserved))
        self._settling.finish_failed(reserved.number)
        self._tools.wear.jobs_done(1)

    @property
    def _now(self) -> int:
        """Seconds of the epoch, as titles show them."""
        return int(self._worker.clock.epoch())


def _log_cut_off(first: Job, pid: int, error: BaseException) -> None:
    """Say that a process, which began with ``first``, has ended in a job by nobody's order."""
    name, queue = first.payload.class_name, first.queue
    log.warning(
        "The process of %.200s from queue %.200s, or of a job after it, was cut off: %s",
        name,
        queue,
        error,
        extra={
            "event": "job_cut_off",
            "queue": queue[:200],
            "job": name[:200],
            "job_pid": pid,
            "reason": str(error),
        },
    )
