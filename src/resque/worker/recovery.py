"""See to what one worker of this host has left that has just died, at once and not when pruned."""

import logging
from collections.abc import Callable
from threading import Event
from typing import Literal, Protocol, TypeVar

from resque.application import APPLICATION
from resque.burial import is_job, log_return
from resque.client import Resque
from resque.clock import SystemClock
from resque.errors import DirtyExit, JobTimeout, PoisonJob
from resque.removal import failed_job
from resque.store import deaths, queues, workers
from resque.store.queues import Reserved
from resque.worker.patience import PASSING

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds for which a server that does not answer is asked again.
PATIENCE = 20.0
#: Seconds between the tries. Shorter than a worker's, whose pruning would come first when the
#: server is back, and would fail what is to be put back.
_PAUSE = 0.1


class Death(Protocol):
    """What is to be known of the dead worker; ``resqued.worker.death.WorkerDeath`` is one."""

    @property
    def name(self) -> str | None:
        """The id under which it worked; None: it died before it had one."""
        ...

    @property
    def on_worker_death(self) -> Literal["fail", "requeue"]:
        """What is to become of the job in its hands."""
        ...

    @property
    def max_deaths(self) -> int:
        """How many workers a job may take along, if it is to be put back."""
        ...

    @property
    def overdue(self) -> float | None:
        """Seconds that the job was allowed, if the worker was ended over that."""
        ...


def recover(death: Death, client: Resque | None = None) -> None:
    """Record the job of a dead worker as failed, or put it back; then forget the worker.

    The id is what the worker itself has said: one made of its pid may be another's, in a container
    of the same host name.

    Without ``client`` the application's is used. ``on_failure`` hooks run in this process. Takes up
    to 20 s if the server is away, and raises then what the last try has raised: the worker is left
    to whoever prunes it.
    """
    if death.name is not None:
        _Recovery(client or APPLICATION.client, death, death.name).run()


class _Recovery:
    """One dead worker. Each step is repeated until the server has answered."""

    def __init__(self, client: Resque, death: Death, worker_id: str) -> None:
        self._client = client
        self._server, self._keys = client.server, client.keys
        self._death = death
        self._id = worker_id
        self._clock = SystemClock()
        self._give_up_at = self._clock.now() + PATIENCE

    def run(self) -> None:
        """See to the job, then forget the worker: cut off in between, it is still there."""
        held = None
        error = None
        while error is None and (record := self._insist(self._record)):
            held = queues.from_record(record)
            error = self._error_of(record, held)
        if held is not None and error is not None:
            self._fail(held, error)
        self._insist(lambda: workers.unregister(self._server, self._keys, self._id))
        if held is not None and isinstance(error, PoisonJob):
            # Last: with its count gone, and its record not, it would be put back.
            poison = held
            self._insist(lambda: deaths.forget(self._server, self._keys, poison))

    def _record(self) -> bytes | None:
        return workers.record(self._server, self._keys, self._id)

    def _error_of(self, record: bytes, held: Reserved) -> DirtyExit | None:
        """Return as what the job has failed; None: it is back in its queue, or another by now."""
        death = self._death
        if death.overdue is not None:
            return JobTimeout(death.overdue, "worker")
        if death.on_worker_death == "fail" or not is_job(held):
            return DirtyExit()
        verdict = self._requeue(record, held)
        return PoisonJob(verdict.deaths) if verdict.kind == "poison" else None

    def _fail(self, held: Reserved, error: DirtyExit) -> None:
        log.warning(
            "Worker %s died in a job of queue %.200r: %s",
            self._id,
            held.queue,
            error,
            extra={
                "event": "job_orphaned",
                "worker_id": self._id,
                "queue": held.queue[:200],
                "reason": str(error),
            },
        )
        failed = failed_job(self._client, held, self._id, error)
        self._insist(lambda: self._client.failure_backend.save(failed))

    def _requeue(self, record: bytes, held: Reserved) -> deaths.Verdict:
        limit = self._death.max_deaths
        verdict = self._insist(
            lambda: deaths.requeue(self._server, self._keys, self._id, record, held, limit)
        )
        if verdict.kind == "requeued":
            log_return(self._id, held, verdict, limit)
        return verdict

    def _insist(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except PASSING:
                if self._clock.now() >= self._give_up_at:
                    raise
            Event().wait(_PAUSE)
