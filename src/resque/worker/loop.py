"""The worker's loop: reserve a job, see it through, and again."""

import logging
from typing import TYPE_CHECKING

from resque.burial import Burial
from resque.errors import DirtyExit
from resque.pace import Pace
from resque.store import workers
from resque.store.queues import Nothing, Reserved
from resque.worker import identity
from resque.worker.control import Control
from resque.worker.liveness import Liveness
from resque.worker.patience import Patience
from resque.worker.processes import JobProcesses
from resque.worker.pruning import Pruner
from resque.worker.recycling import Recycling, Wear
from resque.worker.runner import JobRunner
from resque.worker.source import JobSource
from resque.worker.title import Title
from resque.worker.tools import Tools
from resque.worker.vigil import Vigil
from resque.worker_hooks import Moment

if TYPE_CHECKING:
    from resque.worker.worker import Baton, Worker

log = logging.getLogger(__name__)


class Shift:
    """One stretch of work, from registration to unregistration."""

    def __init__(
        self,
        worker: "Worker",
        interval: float,
        control: Control,
        patience: Patience,
        *,
        processes: type[JobProcesses] = JobProcesses,
    ) -> None:
        """``processes`` makes what forks for its jobs."""
        self._worker = worker
        self._client = worker.client
        self._clock = worker.clock
        self._control = control
        self._title = Title(worker.title_prefix)
        self._pace = Pace(interval, worker.growth)
        self._patience = patience
        burial = Burial(worker.client.server, worker.client.keys, self._report_dirty_exit)
        pruner = Pruner(
            worker.client,
            worker.id,
            worker.patterns,
            burial,
            prune_interval=worker.prune_interval,
        )
        self._liveness = Liveness(worker, burial, pruner)
        self._vigil = Vigil(worker.client, control, _baton_of(worker), self._pace.longest)
        self._source = JobSource(worker)
        self._wear = _wear_of(worker)
        self._runner = JobRunner(
            worker,
            Tools(
                control=control,
                patience=patience,
                title=self._title,
                liveness=self._liveness,
                source=self._source,
                wear=self._wear,
            ),
            processes(worker, control, self._liveness),
        )
        self._is_drained = False
        self._has_announced = False
        self._has_worked = False  #: since the queues were last seen empty
        self._done: int | None = None  #: number of a job that is done and not finished yet

    def run(self) -> None:
        """Work until told to leave. Raises GaveUpError if the server stays away then."""
        self.begin()
        if self._worker.fork_per_job:
            self._turn()
        else:
            with self._liveness.beating():
                self._turn()
        self.end()

    def begin(self) -> None:
        """Make the worker known, before the first ``tick``. Raises GaveUpError."""
        self._title.show("Starting")
        self._worker.hooks.run_safely(Moment.BEFORE_FIRST_FORK)
        self._patience.insist(self._register)
        fields = {"event": "worker_registered", "worker_id": self._worker.id}
        log.debug("Worker %s works", self._worker.id, extra=fields)

    def end(self) -> None:
        """Forget the worker, after the last. Raises GaveUpError."""
        self._worker.hooks.run_safely(Moment.SHUTDOWN)
        self._patience.insist(self._liveness.unregister)
        self._worker.hooks.run_safely(Moment.WORKER_EXIT)
        fields = {"event": "worker_unregistered", "worker_id": self._worker.id}
        log.debug("Worker %s leaves", self._worker.id, extra=fields)

    def _register(self) -> None:
        if self._patience.was_needed:
            self._liveness.give_others_time()
        self._liveness.register()

    def _turn(self) -> None:
        try:
            self._take_jobs()
        finally:
            self._runner.end_standby()
        self._vigil.leave()
        self._finish_last()

    def _take_jobs(self) -> None:
        self._runner.make_ready()
        while not (self._control.asked or self._is_drained):
            self.tick()
            is_told = self._control.asked or self._control.is_paused
            if not is_told and (reason := self._wear.spent) is not None:
                self._make_room(reason)
                break

    def _make_room(self, reason: str) -> None:
        """Say that this worker leaves for a fresh one."""
        name = self._worker.id
        fields = {"event": "worker_recycled", "worker_id": name, "reason": reason}
        log.info("Worker %s leaves for a fresh one: %s", name, reason, extra=fields)
        if self._worker.job_observer is not None:
            self._worker.job_observer.recycled(reason)

    def tick(self) -> None:
        """Do one round: take a job and see it through, or wait for one."""
        self._control.look()
        if self._control.asked:
            return
        self._liveness.keep_up()
        if self._control.is_paused:
            self._pause()
            return
        found = self._insist_on_reserving()
        self._done = None
        match found:
            case Reserved() as reserved:
                self._vigil.leave()
                self._has_worked = True
                self._pace.worked()
                self._done = self._runner.run(reserved)
            case nothing:
                self._idle(nothing)

    def _finish_last(self) -> None:
        """Finish the job that is done, where no reservation follows that would do it."""
        if self._done is not None:
            number, self._done = self._done, None
            server, keys = self._client.server, self._client.keys
            self._patience.insist_on_outcome(
                lambda: workers.finish(server, keys, self._worker.id, number)
            )

    def _insist_on_reserving(self) -> Reserved | Nothing:
        if self._done is None:
            return self._patience.insist(self._reserve)
        return self._patience.insist_on_outcome(self._reserve)  # it finishes that job as well

    def _reserve(self) -> Reserved | Nothing:
        through = self._vigil.begin_look()
        if self._control.asked:
            # Nothing new; only what a reply that was lost has left in our hands.
            return self._source.held(self._done)
        return self._source.take(self._done, through)

    def _report_dirty_exit(self, reserved: Reserved, worker_id: str, error: DirtyExit) -> None:
        self._vigil.leave()  # its hooks may take long, and others wait behind us
        self._runner.report_dirty_exit(reserved, worker_id, error)

    def _idle(self, nothing: Nothing) -> None:
        if nothing is Nothing.EMPTY and self._has_worked:
            self._has_worked = False
            self._worker.hooks.run_safely(Moment.QUEUE_EMPTY)
        if self._pace.is_once:
            self._is_drained = True
            return
        waiting = f"Waiting for {','.join(self._worker.patterns)}"
        self._title.show("Paused" if nothing is Nothing.PAUSED else waiting)
        self._announce()
        until = self._clock.now() + self._vigil.stand(nothing, self._pace.next_pause)
        while (left := until - self._clock.now()) > 0 and not self._is_called:
            if self._vigil.is_over():
                return
            self._runner.make_ready()  # the former one may have died, or its connection
            self._vigil.wait(min(left, self._liveness.next_beat_in, self._wear.age_left))
            self._liveness.keep_up()
        if self._is_called:
            self._vigil.leave()

    def _announce(self) -> None:
        """Say, once, that the worker is there for jobs; if it begins with one, that says it."""
        if not self._has_announced and self._worker.job_observer is not None:
            self._worker.job_observer.work_begun()
        self._has_announced = True

    @property
    def _is_called(self) -> bool:
        """Whether there is something else to do than to wait for jobs."""
        is_told = bool(self._control.asked) or self._control.is_paused
        return is_told or self._wear.spent is not None

    def _pause(self) -> None:
        """Take no jobs until CONT."""
        self._finish_last()
        self._worker.hooks.run_safely(Moment.BEFORE_PAUSE, self._worker)
        self._title.show("Paused")
        self._announce()
        while self._control.is_paused and not self._control.asked:
            self._control.wait(self._liveness.next_beat_in)
            self._liveness.keep_up()
        self._worker.hooks.run_safely(Moment.AFTER_PAUSE, self._worker)


def _baton_of(worker: "Worker") -> "Baton | None":
    """Return a worker's baton, unless that is of others than those who look for the same jobs."""
    baton = worker.baton
    if baton is None or set(identity.queue_patterns(baton.group)) != set(worker.patterns):
        return None
    return baton


def _wear_of(worker: "Worker") -> Wear:
    limits = Recycling(
        max_jobs=worker.max_jobs, max_age=worker.max_age, max_memory=worker.max_memory
    )
    return Wear(limits, worker.clock)
