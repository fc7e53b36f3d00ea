"""Start the process of a job: fork it, or tell one that stands by."""

from collections.abc import Callable
from functools import partial
from signal import Signals
from typing import TYPE_CHECKING

from resque.errors import TermException
from resque.job import Job
from resque.payload import Payload
from resque.store.queues import Reserved
from resque.worker.child import EXIT_NOT_BEGUN, JobChild
from resque.worker.deadline import UNLIMITED, Deadline, TimeLimit
from resque.worker.processes import JobProcesses
from resque.worker.series import Employer, Quota, Series, SeriesTask
from resque.worker.settling import Settling
from resque.worker.standby import Order, Standby
from resque.worker.tools import Tools
from resque.worker_hooks import Moment

if TYPE_CHECKING:
    from resque.worker.worker import Worker


class Launcher:
    """Gives one worker's jobs their processes."""

    def __init__(
        self,
        worker: "Worker",
        employer: Employer,
        tools: Tools,
        processes: JobProcesses,
        settling: Settling,
    ) -> None:
        """``employer`` is what the processes have of their worker."""
        self._worker = worker
        self._employer = employer
        self._tools = tools
        self._processes = processes
        self._settling = settling
        self._registry = worker.client.registry
        deadline = partial(self._deadline_of_many, UNLIMITED)
        self._standby = Standby(processes, worker.client.server, self._stand_by, deadline)
        processes.make_room = self._standby.dismiss

    def start(self, job: Job, reserved: Reserved) -> JobChild:
        """Start the process of a job, and perhaps of others after it.

        Raises NoRoomError when told to leave before the kernel had room for it.
        """
        quota = Quota.of(self._worker, self._tools.wear.jobs_left)
        limit = TimeLimit.of(job, self._worker.timeout)
        self._settling.begin(reserved.number)
        if self._may_stand_by:
            self._settling.sheet.send()
            child = self._standby.take(Order(reserved, quota.jobs), limit)
            if child is not None:
                return child
            self._settling.begin(reserved.number)
        return self._fork(job, reserved, quota, limit)

    def make_ready(self, in_hand: int = 0) -> None:
        """Have a process stand by for the next job, in a worker that is to have one.

        Not if that job will never come; ``in_hand`` are those that run and are not counted yet.
        """
        if not self._worker.standby:
            return
        control = self._tools.control
        is_last = self._tools.wear.jobs_left <= in_hand or self._tools.wear.spent is not None
        if not self._may_stand_by or is_last or control.asked or control.is_paused:
            self._standby.dismiss()
        else:
            self._standby.prepare()

    def end_standby(self) -> None:
        """Let no process stand by any more."""
        self._standby.dismiss()

    @property
    def _may_stand_by(self) -> bool:
        """Whether one may: not where a hook is to know the job before the fork, which is over."""
        worker = self._worker
        if not (worker.standby and worker.fork_per_job):
            return False
        return not worker.hooks.has_any(Moment.BEFORE_FORK)

    def _fork(
        self, job: Job, reserved: Reserved, quota: Quota, limit: TimeLimit | None
    ) -> JobChild:
        if not quota.is_single:
            deadline = self._deadline_of_many(limit or UNLIMITED)
        else:
            deadline = None if limit is None else Deadline(limit, self._worker.clock)
        self._settling.prepare_post(reserved.number)
        task = self._task(job, reserved, quota, deadline)
        return self._processes.fork(Series(task).run, deadline)

    def _deadline_of_many(self, first: TimeLimit) -> Deadline | None:
        """Return what keeps the time of jobs not known yet; None if none of them has a limit."""
        limits = [self._worker.timeout, self._registry.shortest_timeout]
        shortest = min((seconds for seconds in limits if seconds is not None), default=None)
        if shortest is None:
            return None
        return Deadline(first, self._worker.clock, shortest=shortest)

    def _task(
        self, job: Job, reserved: Reserved, quota: Quota, deadline: Deadline | None
    ) -> SeriesTask:
        return SeriesTask(
            reserved=reserved,
            job=job,
            title=self._employer.title_of(job),
            prepare=partial(self._worker.hooks.run, Moment.AFTER_FORK, job),
            employer=self._employer,
            settling=self._settling,
            interruption=self._tools.control.interruption,
            quota=quota,
            clock=self._worker.clock,
            worker_timeout=self._worker.timeout,
            run_at_exit_hooks=self._worker.run_at_exit_hooks,
            deadline=deadline,
        )

    def _stand_by(self, order_of: Callable[[], Order | None], deadline: Deadline | None) -> int:
        """Be a process that stands by, until it has seen to its jobs; returns its exit status."""
        self._tools.title.show("Standing by")
        interruption = self._tools.control.interruption
        try:
            interruption.job_begins((Signals.SIGTERM,))
            order = order_of()
            interruption.job_is_done()
        except TermException:
            return EXIT_NOT_BEGUN  # if a job is on its way here, the worker still has it
        if order is None:
            return EXIT_NOT_BEGUN
        self._settling.sheet.receive()
        if self._worker.job_observer is not None:
            self._worker.job_observer.stood_by()
        reserved = order.reserved
        job = Job(reserved.queue, Payload.decode(reserved.element), self._registry)
        self._settling.prepare_post(reserved.number)
        quota = Quota(order.jobs, Quota.of(self._worker, order.jobs).seconds)
        return Series(self._task(job, reserved, quota, deadline)).run()
