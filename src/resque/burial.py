"""Record the job of a worker that is gone, and forget the worker."""

from typing import Protocol

from resque.errors import DirtyExit
from resque.inspection import shown
from resque.keys import Keys
from resque.store import queues, workers
from resque.store.queues import Reserved
from resque.store.server import Server


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
        """Fail the job in a worker's hands, if there is one, and remove every trace of it.

        In this order, so that a job is rather recorded twice than not at all, should this be cut
        off between the two.
        """
        self.fail_job_in_hand(worker_id, error)
        workers.unregister(self._server, self._keys, worker_id)

    def fail_job_in_hand(self, worker_id: bytes | str, error: DirtyExit) -> bool:
        """Write the recorded job of a worker down as failed; False if there is none."""
        held = workers.record(self._server, self._keys, worker_id)
        if not held:
            return False
        name = worker_id if isinstance(worker_id, str) else shown(worker_id)
        self._report(queues.from_record(held), name, error)
        return True
