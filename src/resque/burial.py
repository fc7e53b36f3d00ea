"""See to the job of a worker that is gone, and forget the worker."""

import logging
from typing import Protocol

from resque.errors import DecodeError, DirtyExit, PoisonJob
from resque.inspection import shown
from resque.keys import Keys
from resque.payload import Payload
from resque.store import deaths, queues, workers
from resque.store.queues import Reserved
from resque.store.server import Server

log = logging.getLogger(__name__)


class Report(Protocol):
    """Writes a job that nobody will finish down as failed, its on_failure hooks run."""

    def __call__(self, reserved: Reserved, worker_id: str, error: DirtyExit) -> None:
        """May raise what the server's calls raise."""
        ...


class Burial:
    """Runs wherever it was found out: in another worker, or in a command."""

    def __init__(self, server: Server, keys: Keys, report: Report) -> None:
        self._server = server
        self._keys = keys
        self._report = report

    def bury(self, worker_id: bytes | str, error: DirtyExit) -> None:
        """Fail the job in a worker's hands, or put it back, and remove every trace of the worker.

        In this order, so that a job is rather recorded twice than not at all, should this be cut
        off between the two.
        """
        poison = self.see_to_job(worker_id, error)
        workers.unregister(self._server, self._keys, worker_id)
        if poison is not None:
            # Last: with its count gone, and its record not, it would be put back.
            deaths.forget(self._server, self._keys, poison)

    def see_to_job(self, worker_id: bytes | str, error: DirtyExit) -> Reserved | None:
        """Write the recorded job of a worker down as failed, or put it back as the worker wants.

        Returns the job if it has failed as poison, so that its count can be forgotten.
        """
        limit = deaths.allowed(self._server, self._keys, worker_id)
        name = worker_id if isinstance(worker_id, str) else shown(worker_id)
        while record := workers.record(self._server, self._keys, worker_id):
            held = queues.from_record(record)
            if limit is None or not is_job(held):
                self._report(held, name, error)
                return None
            verdict = deaths.requeue(self._server, self._keys, worker_id, record, held, limit)
            if verdict.kind == "poison":
                self._report(held, name, PoisonJob(verdict.deaths))
                return held
            if verdict.kind == "requeued":
                log_return(name, held, verdict, limit)
        return None


def is_job(held: Reserved) -> bool:
    """Tell whether an element could be performed; what could not is never put back."""
    try:
        Payload.decode(held.element)
    except DecodeError:
        return False
    return True


def log_return(name: str, held: Reserved, verdict: deaths.Verdict, limit: int) -> None:
    """Say that a dead worker's job is in its queue again."""
    log.warning(
        "Worker %s died in a job of queue %.200r, which is put back (death %d of %d)",
        *(name, held.queue, verdict.deaths, limit),
        extra={
            "event": "job_requeued",
            "worker_id": name,
            "queue": held.queue[:200],
            "deaths": verdict.deaths,
            "max_deaths": limit,
        },
    )
