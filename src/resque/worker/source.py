"""Where a worker's jobs come from: its queues."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resque.store import queues
from resque.store.queues import Nothing, Reservation, Reserved
from resque.store.server import Speaker
from resque.worker import patterns

if TYPE_CHECKING:
    from resque.worker.worker import Worker


class JobSource:
    """Takes one worker's jobs from the server; every method raises what the server's calls raise.

    In the worker, and in the processes of its jobs, each over a connection of its own.
    """

    def __init__(self, worker: "Worker") -> None:
        self._client = worker.client
        self._id = worker.id
        self._patterns = worker.patterns
        self._clock = worker.clock
        self._of_none = self._reservation(())
        is_dynamic = patterns.is_dynamic(worker.patterns)
        self._of_all = None if is_dynamic else self._reservation(worker.patterns)

    def take(self, done: int | None = None, through: Speaker | None = None) -> Reserved | Nothing:
        """Take the next job, and finish the one with the number ``done`` in the same step.

        ``through`` is how to ask the server, where that is not as usual.
        """
        server = through or self._client.server
        return self._take(self._of_all or self._of_those_there_are(server), done, server)

    def held(self, done: int | None = None) -> Reserved | Nothing:
        """Take nothing new: only what is in the worker's hands already, be it by a lost reply."""
        return self._take(self._of_none, done, self._client.server)

    def _take(
        self, reservation: Reservation, done: int | None, server: Speaker
    ) -> Reserved | Nothing:
        return reservation.take(server, self._clock.epoch(), done=done)

    def _of_those_there_are(self, server: Speaker) -> Reservation:
        names = queues.names(server, self._client.keys)
        return self._reservation(patterns.select(self._patterns, names))

    def _reservation(self, names: Sequence[str]) -> Reservation:
        return Reservation(self._client.keys, self._id, names)
