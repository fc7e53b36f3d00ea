"""The worker: what its owner may set, and ``work``."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from resque.application import APPLICATION
from resque.client import Resque
from resque.clock import Clock, SystemClock
from resque.environment import worker_settings
from resque.failure.choice import name_of
from resque.pace import Growth
from resque.worker import identity, liveness, pruning
from resque.worker.control import Control
from resque.worker.loop import Shift
from resque.worker.patience import GaveUpError, Patience
from resque.worker_hooks import WorkerHooks

log = logging.getLogger(__name__)


class JobObserver(Protocol):
    """Who is told of each job, in the worker or its jobs' process; must not wait, nor raise."""

    def known_as(self, name: str) -> None:
        """Called once, with the worker's id, before it takes a job under it."""
        ...

    def connected_to(self, url: str, namespace: str, failures: str) -> None:
        """Called once, before it asks its server anything, with the URL, password and all.

        ``failures`` is the name of its failure backend, empty for one of the application's own.
        Not called where the application has made the connection itself.
        """
        ...

    def work_begun(self) -> None:
        """Called once, when the worker has registered and first finds nothing to do."""
        ...

    def job_started(self, name: str, queue: str) -> None:
        """Called with the payload's class, before the job begins."""
        ...

    def job_ended(self, outcome: str) -> None:
        """Called with what has become of the job, before that is written down.

        "performed", "failed": it has raised, or "cut_off": its process was ended, or has died; of
        a process that dies between the end of its job and its own, "cut_off" is said as well.
        """
        ...

    def stood_by(self) -> None:
        """Called in a process that was forked ahead, when it has its first job; see ``standby``."""
        ...

    def job_finished(self) -> None:
        """Called when all has been seen to, and no other job has begun."""
        ...

    def recycled(self, reason: str) -> None:
        """Called when the worker leaves of its own accord, for a fresh one, before it does."""
        ...


class Baton(Protocol):
    """What workers of the same queues share, so that one of those that are idle watches for all.

    It is lost with the process that has it. No method waits.
    """

    @property
    def group(self) -> Sequence[str]:
        """The queues of those who share it, in any order."""
        ...

    @property
    def is_held(self) -> bool:
        """Whether this worker has it."""
        ...

    def fileno(self) -> int:
        """Return the descriptor that is readable when it is worth while to ``take`` it."""
        ...

    def take(self) -> bool:
        """Take it if nobody has it; whether it is this worker's now."""
        ...

    def is_stuck(self) -> bool:
        """Tell whether whoever has it is stopped, so that nobody watches."""
        ...

    def give(self) -> None:
        """Let go of it, or no longer wait for it; another is woken."""
        ...


class Worker:
    """Works the jobs of some queues, one after another, each in a forked child.

    Made and used in the process that is to be the worker: its id names that process. The
    attributes may be set until it works, in resqued's ``after_fork``, say; the environment gives
    their defaults (docs/workers.md).
    """

    def __init__(
        self, queues: Sequence[str], client: Resque | None = None, clock: Clock | None = None
    ) -> None:
        """Without ``client`` the application's is used.

        Raises QueueNameError, and EnvironmentValueError for a variable that makes no sense.
        """
        self.patterns = identity.queue_patterns(queues)
        #: Under which it registers; ``work`` gives it another host's part if it is in use.
        self.id = identity.worker_id(self.patterns)
        self.client = client or APPLICATION.client
        self.clock: Clock = clock or SystemClock()
        self.hooks: WorkerHooks = APPLICATION.worker_hooks
        settings = worker_settings()
        #: Whether each job gets a process of its own; without, a job can take the worker along.
        self.fork_per_job = settings.fork_per_job
        #: How many jobs, and seconds, such a process may go on for with others before it is
        #: replaced; None: it has one job only, or, if the other is set, that alone counts.
        self.jobs_per_fork = settings.jobs_per_fork
        self.seconds_per_fork = settings.seconds_per_fork
        #: Whether the next job's process is forked ahead, and waits for the job: it starts at once.
        self.standby = False
        #: Seconds a job that is to be ended has from TERM to KILL.
        self.term_timeout = settings.term_timeout
        #: Seconds it has before that, to end by itself.
        self.pre_shutdown_timeout = settings.pre_shutdown_timeout
        #: Whether TERM asks to finish the job in hand, as QUIT does.
        self.graceful_term = settings.graceful_term
        #: Whether a job's process runs what ``atexit`` has, before it ends.
        self.run_at_exit_hooks = settings.run_at_exit_hooks
        #: What stands before every title.
        self.title_prefix = settings.title_prefix
        #: Pauses that grow while there is nothing to do, instead of ``work``'s interval.
        self.growth: Growth | None = None
        #: Seconds between two heartbeats, and of silence after which others are cleared away.
        self.heartbeat_interval = liveness.HEARTBEAT_INTERVAL
        self.prune_interval = pruning.PRUNE_INTERVAL
        #: Seconds a job may take that has no limit of its own; None: as long as it takes.
        self.timeout: float | None = None
        #: Jobs, seconds, and bytes of private memory, after which the worker leaves for a fresh
        #: one; about: each worker's own limits are within a tenth of these. None: it stays.
        self.max_jobs: int | None = None
        self.max_age: float | None = None
        self.max_memory: int | None = None
        #: So many workers dead, a job fails; until then it is put back. None: it fails at once.
        self.max_deaths: int | None = None
        #: Told of each job; the daemon's listener listens here.
        self.job_observer: JobObserver | None = None
        #: Shared with others, of which one watches for new jobs. None: it watches for itself.
        self.baton: Baton | None = None

    @property
    def enforces_timeout(self) -> bool:
        """Whether the worker itself ends a job whose time is over: from outside of its process."""
        return self.fork_per_job

    def work(self, interval: float = 5.0) -> None:
        """Register, work until told to leave, unregister.

        With an ``interval`` of 0 the worker leaves when no queue has a job. Else the server tells
        it of new ones; where it does not, this is the pause in seconds until the next look.

        QUIT: leave when the job in hand is done. TERM, INT: end it and leave; it is recorded as
        failed. USR1: end it, and go on. USR2, CONT: take no jobs, and take them again.
        """
        with Control(graceful_term=self.graceful_term) as control:
            patience = Patience(control, self.clock)
            self._tell_server()
            try:
                self.id = patience.insist(partial(self._claim_id, set()))
                if self.job_observer is not None:
                    self.job_observer.known_as(self.id)
                Shift(self, interval, control, patience).run()
            except GaveUpError as error:
                fields = {"event": "worker_gave_up", "reason": str(error)}
                log.error("Leaving without a word to the server: %s", error, extra=fields)  # noqa: TRY400

    def _tell_server(self) -> None:
        """Tell the observer where the jobs come from, be the server there or not."""
        url = getattr(self.client.server.address, "url", None)
        if self.job_observer is not None and url is not None:
            failures = name_of(self.client.failure_backend) or ""
            self.job_observer.connected_to(url, self.client.keys.namespace, failures)

    def _claim_id(self, ours: set[bytes]) -> str:
        # Whoever has missed a whole heartbeat is not there any more.
        fresh = 2 * self.heartbeat_interval
        return identity.claim_id(self.client, self.patterns, fresh, ours)
