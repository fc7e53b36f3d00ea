"""The worker's loop: reserve a job, have it performed, report, and again."""

import logging
from collections.abc import Sequence
from typing import Protocol

from resque import __version__
from resque.application import APPLICATION
from resque.client import Resque
from resque.clock import Clock, SystemClock
from resque.errors import DecodeError, ResqueError
from resque.failure import record
from resque.failure.record import Failure
from resque.payload import Payload
from resque.store import failures, queues, workers
from resque.store.queues import Reserved
from resque.worker import identity, patterns
from resque.worker.child import JobChild, JobTask, failure_of
from resque.worker.control import Asked, Control
from resque.worker.liveness import Liveness
from resque.worker.patience import GaveUpError, Patience
from resqued.process.reaper import ExitStatus
from resqued.process.title import set_title

log = logging.getLogger(__name__)

#: Seconds between tries to fork when the kernel has no room for a process.
_FORK_PAUSE = 1.0


class NoRoomError(ResqueError):
    """Raised when the worker was told to leave before the kernel had room for the job."""


class JobObserver(Protocol):
    """Who is told of each job, in the worker's process; must not wait, and must not raise."""

    def job_started(self, name: str) -> None:
        """Called with the payload's class, before the job's process is forked."""
        ...

    def job_finished(self) -> None:
        """Called when the job has been reported to the server."""
        ...


class Worker:
    """Works the jobs of some queues, one after another, each in a forked child.

    Made and used in the process that is to be the worker: its id names that process.
    """

    def __init__(
        self, queues: Sequence[str], client: Resque | None = None, clock: Clock | None = None
    ) -> None:
        """Without ``client`` the application's is used. Raises QueueNameError."""
        self.patterns = identity.queue_patterns(queues)
        self.id = identity.worker_id(self.patterns)
        self.client = client or APPLICATION.client
        self.clock: Clock = clock or SystemClock()
        #: Seconds a job has from TERM to KILL when the worker is told to leave now.
        self.term_timeout = 4.0
        #: Told of each job; the daemon's listener listens here.
        self.job_observer: JobObserver | None = None

    def work(self, interval: float = 5.0) -> None:
        """Register, work until told to leave, unregister.

        ``interval`` is the pause in seconds after no queue had a job; with 0 the worker leaves
        then. QUIT: leave when the job in hand is done. TERM, INT: end it by TERM, and by KILL
        after ``term_timeout``; it is recorded as failed.
        """
        with Control() as control:
            try:
                _Shift(self, interval, control).run()
            except GaveUpError as error:
                log.error("Leaving without a word to the server: %s", error)  # noqa: TRY400


class _Shift:
    """One stretch of work, from registration to unregistration."""

    def __init__(self, worker: Worker, interval: float, control: Control) -> None:
        self._worker = worker
        self._client = worker.client
        self._clock = worker.clock
        self._interval = interval
        self._control = control
        self._patience = Patience(control, worker.clock)
        self._liveness = Liveness(worker.client, worker.id, worker.clock)
        self._is_drained = False

    def run(self) -> None:
        self._show("Starting")
        self._patience.insist(self._liveness.register)
        log.debug("Worker %s works", self._worker.id)
        while not (self._control.asked or self._is_drained):
            self.tick()
        self._patience.insist(self._liveness.unregister)
        log.debug("Worker %s leaves", self._worker.id)

    def tick(self) -> None:
        """Do one round: take a job and see it through, or wait for one."""
        self._control.look()
        if self._control.asked:
            return
        self._liveness.beat_if_due()
        reserved = self._patience.insist(self._reserve)
        if reserved is None:
            self._idle()
        else:
            self._work_off(reserved)

    def _reserve(self) -> Reserved | None:
        server, keys = self._client.server, self._client.keys
        names: Sequence[str] = self._worker.patterns
        if self._control.asked:
            names = ()  # nothing new; only what a reply that was lost has left in our hands
        elif patterns.is_dynamic(names):
            names = patterns.select(names, queues.names(server, keys))
        return queues.reserve(server, keys, self._worker.id, names, self._clock.epoch())

    def _idle(self) -> None:
        if self._interval == 0:
            self._is_drained = True
            return
        self._show(f"Waiting for {','.join(self._worker.patterns)}")
        until = self._clock.now() + self._interval
        while (left := until - self._clock.now()) > 0 and not self._control.asked:
            self._control.wait(min(left, self._liveness.next_beat_in))
            self._liveness.beat_if_due()

    def _work_off(self, reserved: Reserved) -> None:
        """See one reserved job through to its end and its record on the server."""
        try:
            payload = Payload.decode(reserved.element)
        except DecodeError as error:
            log.warning("An element of queue %s is %s", reserved.queue, error)
            failure: Failure | None = Failure("Resque::DecodeException", str(error))
            counts = True
        else:
            self._tell_started(payload.class_name)
            failure = self._failure_in(payload, reserved)
            counts = False
        if failure is not None:
            self._patience.insist(lambda: self._save(failure, reserved, counts=counts))
        self._patience.insist(
            lambda: workers.finish(self._client.server, self._client.keys, self._worker.id)
        )
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_finished()

    def _tell_started(self, name: str) -> None:
        if self._worker.job_observer is not None:
            self._worker.job_observer.job_started(name)

    def _failure_in(self, payload: Payload, reserved: Reserved) -> Failure | None:
        """Run the job, and return what went wrong that it has not written down itself."""
        try:
            return failure_of(self._perform(payload, reserved))
        except NoRoomError as error:
            return Failure("Resque::DirtyExit", f"There was no room for the job's process: {error}")

    def _perform(self, payload: Payload, reserved: Reserved) -> ExitStatus:
        """Run the job in a child and wait for its end, whatever is asked meanwhile."""
        now = int(self._clock.epoch())
        task = JobTask(
            payload=payload,
            title=_title(f"Processing {reserved.queue} since {now} [{payload.class_name}]"),
            registry=self._client.registry,
            save=lambda failure: self._save(failure, reserved, counts=True),
            let_go=self._control.close_in_child,
        )
        child = self._fork(task)
        self._show(f"Forked {child.pid} at {now}")
        while (status := child.reap()) is None:
            if self._control.asked is Asked.LEAVE:  # perhaps before the job began
                child.end()
            moments = (self._liveness.next_beat_in, child.kill_in)
            self._control.wait(min(m for m in moments if m is not None))
            self._liveness.beat_if_due()
        return status

    def _fork(self, task: JobTask) -> JobChild:
        """Fork, as soon as the kernel has room. Raises NoRoomError when told to leave first."""
        while True:
            try:
                return JobChild(task, self._clock, self._worker.term_timeout)
            except OSError as error:
                log.error("Cannot fork, trying again: %s", error)  # noqa: TRY400 - it says all
                self._control.wait(_FORK_PAUSE)
                if self._control.asked:
                    raise NoRoomError(str(error)) from error

    def _save(self, failure: Failure, reserved: Reserved, *, counts: bool) -> None:
        """Write a failure record; in the worker, or in the child for what it reports itself."""
        entry = record.encode(
            failure, reserved.element, reserved.queue, self._worker.id, self._clock.epoch()
        )
        counted_for = self._worker.id if counts else None
        failures.save(self._client.server, self._client.keys, entry, counted_for)

    def _show(self, what: str) -> None:
        set_title(_title(what))


def _title(what: str) -> str:
    """Return a title; names that come from the server are cut and made printable."""
    printable = "".join(c if c.isprintable() else "?" for c in what[:200])
    return f"resque-{__version__}: {printable}"
