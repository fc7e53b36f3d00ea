"""That a worker is there: registration, heartbeat, and what is left when it goes."""

import logging

from resque.client import Resque
from resque.clock import Clock
from resque.errors import ResqueError
from resque.failure import record
from resque.failure.record import Failure
from resque.store import failures, queues, workers

log = logging.getLogger(__name__)

#: Seconds; Ruby prunes whom it has not heard of for 300.
HEARTBEAT_INTERVAL = 60.0


class Liveness:
    """One worker's entries on the server. Every method may raise what the server's calls raise."""

    def __init__(self, client: Resque, worker_id: str, clock: Clock) -> None:
        self._client = client
        self._id = worker_id
        self._clock = clock
        self._next_beat = 0.0

    def register(self) -> None:
        """Make the worker known. A job recorded under the same id by one that died is failed."""
        self._fail_job_in_hand()
        client = self._client
        workers.register(client.server, client.keys, self._id, self._clock.epoch())
        self._next_beat = self._clock.now() + HEARTBEAT_INTERVAL

    def unregister(self) -> None:
        """Forget the worker; a job still in its hands is recorded as failed."""
        self._fail_job_in_hand()
        workers.unregister(self._client.server, self._client.keys, self._id)

    @property
    def next_beat_in(self) -> float:
        """Seconds until a heartbeat is due."""
        return max(0.0, self._next_beat - self._clock.now())

    def beat_if_due(self) -> None:
        """Write a heartbeat if it is time; one that fails is left out and tried again soon."""
        if self.next_beat_in > 0:
            return
        try:
            workers.beat(self._client.server, self._client.keys, self._id)
        except ResqueError as error:
            log.debug("No heartbeat: %s", error)
            self._next_beat = self._clock.now() + HEARTBEAT_INTERVAL / 12
        else:
            self._next_beat = self._clock.now() + HEARTBEAT_INTERVAL

    def _fail_job_in_hand(self) -> None:
        """Record it as Ruby would, then clear it; after a lost reply it may be recorded twice."""
        client = self._client
        held = workers.record(client.server, client.keys, self._id)
        if held is None:
            return
        job = queues.from_record(held)
        failure = Failure("Resque::DirtyExit", "Job still being processed")
        entry = record.encode(failure, job.element, job.queue, self._id, self._clock.epoch())
        failures.save(client.server, client.keys, entry, counted_for=None)
        workers.unregister(client.server, client.keys, self._id)
