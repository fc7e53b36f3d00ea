"""That a worker is there: registration, heartbeat, and what is left when it goes."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resque.burial import Burial
from resque.errors import DirtyExit, ResqueError
from resque.store import workers
from resque.store.server import Server
from resque.store.workers import Roll
from resque.worker.pruning import Pruner

if TYPE_CHECKING:
    from resque.worker.worker import Worker

log = logging.getLogger(__name__)

#: Seconds; Ruby prunes whom it has not heard of for 300.
HEARTBEAT_INTERVAL = 60.0
#: How much sooner than the next heartbeat one that failed is tried again.
_SOONER = 12
#: Seconds that others have, at least, to be heard of again after an outage: a worker waits up to
#: 3 s between its tries, and up to 5 s for each of them.
_GRACE = 10.0


class Liveness:
    """One worker's entries on the server.

    Only ``register`` and ``unregister`` raise what the server's calls raise.
    """

    def __init__(self, worker: "Worker", burial: Burial, pruner: Pruner) -> None:
        self._client = worker.client
        self._id = worker.id
        self._clock = worker.clock
        self._burial = burial
        self._pruner = pruner
        self._interval = worker.heartbeat_interval
        self._max_deaths = worker.max_deaths
        self._started = 0.0
        self._last_beat: float | None = None
        self._next_beat = 0.0
        self._next_pruning = 0.0

    def give_others_time(self) -> None:
        """Take nobody's silence for death at first: the server was away for all of them."""
        self._put_pruning_off(self._clock.now())

    def register(self) -> None:
        """Make the worker known. What one that died has left under the same id is seen to first."""
        if workers.record(self._client.server, self._client.keys, self._id):
            self._burial.bury(self._id, DirtyExit())
        self._started = self._clock.epoch()
        self._prune(self._beat(self._client.server, looks_around=True))

    def unregister(self) -> None:
        """Forget the worker; a job still in its hands is recorded as failed."""
        self._burial.bury(self._id, DirtyExit())

    @property
    def next_beat_in(self) -> float:
        """Seconds until a heartbeat is due."""
        return max(0.0, self._next_beat - self._clock.now())

    def keep_up(self) -> None:
        """Between two jobs: write a heartbeat, and look for dead workers, as far as it is time.

        A heartbeat that fails is left out and tried again soon. Whoever was pruned meanwhile, while
        the server was away or this host slept, is registered again by it. Who could not reach the
        server for a while knows nothing of the others, who may have been silent for the same
        reason: they have two intervals, 10 s at least, to be heard of again.
        """
        if self.next_beat_in == 0 or self._clock.now() >= self._next_pruning:
            self._prune(self._try_to_beat(self._client.server, looks_around=True))

    def beat_aside_if_due(self) -> None:
        """During a job: write a heartbeat if it is time, over a connection of its own.

        The worker's is the job's to post on, or another thread's that works.
        """
        if self.next_beat_in == 0:
            aside = self._client.server.twin()
            try:
                self._try_to_beat(aside, looks_around=False)
            finally:
                if aside is not self._client.server:
                    aside.close()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write the heartbeats in a thread meanwhile, for a worker that runs jobs itself.

        The thread comes a little late, so that it has something to do during jobs only: a worker
        that waits for them keeps up by itself, and no connection is opened for it.
        """
        is_over = threading.Event()
        late = self._interval / _SOONER

        def beat() -> None:
            while not is_over.wait(self.next_beat_in + late):
                if self._clock.now() >= self._next_beat + late:
                    self.beat_aside_if_due()

        thread = threading.Thread(target=beat, name="resque heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _try_to_beat(self, server: Server, *, looks_around: bool) -> Roll | None:
        try:
            return self._beat(server, looks_around=looks_around)
        except ResqueError as error:
            fields = {"event": "heartbeat_failed", "reason": str(error)}
            log.debug("No heartbeat: %s", error, extra=fields)
            self._next_beat = self._clock.now() + self._interval / _SOONER
            self._next_pruning = max(self._next_pruning, self._next_beat)
            return None

    def _beat(self, server: Server, *, looks_around: bool) -> Roll | None:
        """Returns whom to look at, if this worker is the one to look for dead ones."""
        now = self._clock.now()
        if self._last_beat is not None and now - self._last_beat > 2 * self._interval:
            self._put_pruning_off(now)
        asks = looks_around and now >= self._next_pruning
        roll = workers.register(
            server,
            self._client.keys,
            self._id,
            self._started,
            max_deaths=self._max_deaths,
            prune_for=max(1, int(self._interval)) if asks else None,
        )
        if asks:
            self._next_pruning = now + self._interval
        self._last_beat = now
        self._next_beat = now + self._interval
        return roll

    def _put_pruning_off(self, now: float) -> None:
        grace = max(2 * self._interval, _GRACE)
        self._next_pruning = max(self._next_pruning, now + grace)

    def _prune(self, roll: Roll | None) -> None:
        """Look for dead workers; the server's troubles put it off."""
        if roll is None:
            return
        try:
            self._pruner.prune(roll)
        except ResqueError as error:
            fields = {"event": "pruning_failed", "reason": str(error)}
            log.debug("Not pruned: %s", error, extra=fields)
